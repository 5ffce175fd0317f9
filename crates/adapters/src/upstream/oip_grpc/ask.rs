//! Puts one call to an endpoint. What is common to running a model and asking about one.

use std::future::poll_fn;
use std::sync::{LazyLock, OnceLock};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Uri};
use sluicegate_core::fields::{Name, Value};
use sluicegate_core::{Body, CallClass, CallError, Deadline, Fields, Metadata, Sent};
use sluicegate_wire::grpc::{ACCEPT_ENCODING, ACCEPTED, CONTENT, metadata, timeout};
use sluicegate_wire::oip_grpc::client::INFER_PATH;

use super::answers::Answers;
use super::faults::{Failed, nonsense};
use super::{OipGrpc, Package, Peer};
use crate::http::{Fault, Patience, request};
use crate::remote::transport::from_http;

/// The package of the specification, as paths begin with it.
const PACKAGE: &str = "/inference.";

/// The same at TorchServe.
const TORCHSERVE: &str = "/org.pytorch.serve.grpc.openinference.";

/// Fields of every call, put together once.
static OURS: LazyLock<Fields> = LazyLock::new(|| {
    let te = HeaderValue::from_static("trailers");
    Fields::from_iter([(header::CONTENT_TYPE, CONTENT), (header::TE, te), (ACCEPT_ENCODING, ACCEPTED)]).shared()
});

impl OipGrpc {
    /// Sends a framed message and waits for the head of the answer.
    pub(super) async fn send(
        &self,
        peer: &Peer,
        (path, message): (&str, Body),
        mut headers: Fields,
        deadline: Deadline,
    ) -> Result<Answers, Failed> {
        let target = self.target(peer, path)?;
        own(&mut headers);
        // What is left now: the server need not know how long the gateway took up to here.
        headers.append(timeout::TIMEOUT, timeout::format(deadline.left(self.clock.now())));
        let request = request((Method::POST, target), headers, message);
        let patience = Patience { connect: self.connect_timeout, deadline };
        let response = self.client.send_shared(&peer.origin, request, patience).await.map_err(|error| {
            if error.fault == Fault::Connect {
                peer.wide.forget();
                peer.streams.forget();
            }
            from_http(&error, &peer.endpoint)
        })?;
        Answers::of(response, &peer.endpoint, (self.options.max_message, self.memory.lease()))
    }

    /// Sends a framed message and takes the one message of its answer.
    pub(super) async fn ask(
        &self,
        peer: &Peer,
        question: (&str, Body),
        headers: Fields,
        deadline: Deadline,
    ) -> Result<Bytes, Failed> {
        self.ask_fully(peer, question, headers, deadline).await.map(|(message, _)| message)
    }

    /// The same, with what stood around the answer.
    pub(super) async fn ask_fully(
        &self,
        peer: &Peer,
        question: (&str, Body),
        headers: Fields,
        deadline: Deadline,
    ) -> Result<(Bytes, Option<Box<Metadata>>), Failed> {
        let mut answers = self.send(peer, question, headers, deadline).await?;
        let Some(message) = poll_fn(|context| answers.poll_message(context)).await else {
            return Err(nonsense("it ended well, but without a message", &peer.endpoint).into());
        };
        let message = message?;
        // The status stands behind the message.
        match poll_fn(|context| answers.poll_message(context)).await {
            None => Ok((message, answers.metadata())),
            Some(Ok(_)) => Err(nonsense("it has more than one message", &peer.endpoint).into()),
            Some(Err(error)) => Err(error),
        }
    }

    fn target(&self, peer: &Peer, path: &str) -> Result<Uri, CallError> {
        // Nearly every call is of this one: its target is made once.
        let infer = (path == INFER_PATH).then_some(&peer.infer);
        if let Some(target) = infer.and_then(OnceLock::get) {
            return Ok(target.clone());
        }
        let whole = match (self.options.package, path.strip_prefix(PACKAGE)) {
            (Package::TorchServe, Some(call)) => format!("{}{TORCHSERVE}{call}", peer.endpoint.prefix),
            _ => format!("{}{path}", peer.endpoint.prefix),
        };
        let target = peer
            .origin
            .target(whole)
            .map_err(|error| CallError::new(CallClass::Server, Sent::Nothing, format!("no request target: {error}")))?;
        Ok(infer.map_or_else(|| target.clone(), |infer| infer.get_or_init(|| target.clone()).clone()))
    }
}

/// Makes the head that of a gRPC call of our own.
fn own(headers: &mut Fields) {
    headers.retain(|name, value| !is_of_another_body(name.as_bytes()) && has_form(name, value));
    // None of these is there any more.
    headers.adopt(&OURS, |_, _| true);
}

/// Whether a field is about a body that is not the one sent here, or says otherwise what gRPC has its own field for.
fn is_of_another_body(name: &[u8]) -> bool {
    matches!(
        name,
        b"content-type"
            | b"content-encoding"
            | b"accept"
            | b"accept-encoding"
            | b"te"
            | b"inference-header-content-length"
            | b"x-request-timeout"
    )
}

/// Whether gRPC has a form for a field. Clients of REST may write what it has none for.
fn has_form(name: Name<'_>, value: Value<'_>) -> bool {
    let name = name.as_bytes();
    let text = if name.ends_with(b"-bin") { metadata::is_binary(value.as_bytes()) } else { value.is_printable() };
    text && !name.starts_with(b"grpc-")
}
