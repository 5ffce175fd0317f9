//! Runs a model: the client's own bytes streamed through, or tensors encoded for this server and its answer decoded.

use std::future::ready;
use std::sync::Arc;

use http::header::{self, HeaderName};
use http::{Method, StatusCode, Uri};
use sluicegate_core::{
    BackendModel, Body, BoxFuture, Call, CallBody, CallClass, CallError, Deadline, Fields, InferRequest, Metadata,
    Operation, Reply, Sent, boxed,
};
use sluicegate_wire::Limits;
use sluicegate_wire::oip_rest::client::{self, EncodeError, WireForm, generate_path, generate_stream_path, infer_path};

use super::ask::{SHORT_ANSWER, from_status};
use super::generate::is_events;
use super::{Binary, OipRest, Peer};
use crate::http::{Answer, Request};
use crate::remote::faults::{from_body, is_for_operators, nonsense};
use crate::remote::headers::{models_own, strip_private};
use crate::remote::peers::Handle;
use crate::remote::scrub::scrub;
use crate::remote::transport::heavy;

pub(super) const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

impl OipRest {
    /// Runs a model. What the request is made of goes into one box, and stays there.
    pub(super) fn run<'a>(&'a self, peer: Handle<'a, Peer>, call: Call) -> BoxFuture<'a, Result<Reply, CallError>> {
        let Call { operation, model, body, headers, deadline } = call;
        match body {
            CallBody::Wire(_) if self.is_known_without_binary(&peer) => {
                let cause = "the client's own bytes were sent to a server that does not read binary tensors";
                failed(CallError::new(CallClass::Client, Sent::Nothing, cause))
            }
            CallBody::Wire(body) => {
                let target = match operation {
                    Operation::Generate => peer.target(generate_path(&model)),
                    Operation::GenerateStream => peer.target(generate_stream_path(&model)),
                    _ => self.infer_target(&peer, &model),
                };
                match target {
                    Ok(target) => {
                        self.pass(peer, self.request((Method::POST, target), headers, body, deadline), deadline)
                    }
                    Err(error) => failed(error),
                }
            }
            CallBody::Tensors(request) => {
                Box::pin(async move { self.translate(&peer, &infer_path(&model), headers, request, deadline).await })
            }
            CallBody::Unnamed(_) => {
                let cause = "a message without names was sent to a server whose messages have none";
                failed(CallError::new(CallClass::Client, Sent::Nothing, cause))
            }
        }
    }

    /// Where a model is run. Those of the plan are written once.
    fn infer_target(&self, peer: &Peer, model: &BackendModel) -> Result<Uri, CallError> {
        match self.targets.get(model).filter(|_| peer.endpoint.prefix.is_empty()) {
            Some(target) => Ok(target.clone()),
            None => peer.target(infer_path(model)),
        }
    }

    fn is_known_without_binary(&self, peer: &Peer) -> bool {
        match self.options.binary {
            Binary::Always => false,
            Binary::Never => true,
            Binary::Auto => peer.extension.known() == Some(false),
        }
    }

    fn pass<'a>(
        &'a self,
        peer: Handle<'a, Peer>,
        mut request: Request,
        deadline: Deadline,
    ) -> BoxFuture<'a, Result<Reply, CallError>> {
        boxed(move || async move {
            let response = self.put(&peer, &mut request, deadline).await?;
            let (mut head, answer) = response.into_parts();
            // Events have the status of the first one, which may be an error; answers may follow.
            let told = head.status.is_success() || is_events(&head.headers) && !is_for_operators(head.status);
            let body = match told {
                true => answer.into_body(),
                false => Box::pin(error_body(&peer, head.status, &mut head.headers, answer)).await?,
            };
            strip_private(&mut head.headers);
            Ok(Reply::Wire(head.with(body)))
        })
    }

    pub(super) async fn translate(
        &self,
        peer: &Peer,
        path: &str,
        mut headers: Fields,
        request: Arc<InferRequest>,
        deadline: Deadline,
    ) -> Result<Reply, CallError> {
        let known = self.takes_binary(peer, &headers, deadline).await?;
        let id = request.id.clone();
        let form = WireForm { binary: known.unwrap_or(false), non_finite: self.options.non_finite };
        let weight = request.inputs.iter().map(|input| input.data().len()).sum();
        let encoded = heavy(weight, Sent::Nothing, move || client::encode_request(&request, &form)).await?;
        let (content, body) = encoded.map_err(|error| unfit(&error, known))?;
        for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::ACCEPT, JSON_LENGTH] {
            headers.remove(name);
        }
        headers.replace_by(&content);
        let response = self.send(peer, (Method::POST, path), headers, body, deadline).await?;
        let (head, answer) = response.into_parts();
        let limit = if head.status.is_success() { self.options.max_response } else { SHORT_ANSWER };
        let body =
            answer.hold(limit, &self.memory).await.map_err(|error| from_body(&error, head.status, &peer.endpoint))?;
        if !head.status.is_success() {
            return Err(from_status(head.status, &head.headers, &body, &peer.endpoint));
        }
        let weight = body.len();
        if let Some(wrong) = not_an_answer(head.status, &head.headers) {
            return Err(nonsense(wrong, &peer.endpoint));
        }
        let decode = move || (client::decode_response(&head.headers, body, &Limits::default()), head.headers);
        let (decoded, fields) = heavy(weight, Sent::All, decode).await?;
        let mut response = decoded.map_err(|error| nonsense(&error.to_string(), &peer.endpoint))?;
        // The caller's, or none: MLServer makes one up.
        response.id = id;
        let head = models_own(fields);
        let metadata = (!head.is_empty()).then(|| Box::new(Metadata { head, trailers: Fields::new() }));
        Ok(Reply::Tensors(response, metadata))
    }

    /// Whether the endpoint takes binary tensors; `None` where it does not say at the moment.
    async fn takes_binary(&self, peer: &Peer, headers: &Fields, deadline: Deadline) -> Result<Option<bool>, CallError> {
        match self.options.binary {
            Binary::Always => return Ok(Some(true)),
            Binary::Never => return Ok(Some(false)),
            Binary::Auto => {}
        }
        if let Some(known) = peer.extension.known() {
            return Ok(Some(known));
        }
        let now = self.clock.now();
        let mut headers = headers.clone();
        for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING, JSON_LENGTH] {
            headers.remove(name);
        }
        // A box of its own: the question is rare, and every call would have to carry the room for it.
        let learning = Box::pin(peer.extension.learn(now, self.has_binary(peer, headers, deadline)));
        tokio::time::timeout(deadline.left(now), learning).await.unwrap_or_else(|_| {
            let cause = format!("{}: its description did not come within the request's time", peer.endpoint.authority);
            Err(CallError::new(CallClass::Timeout, Sent::Nothing, cause))
        })
    }
}

/// The body of an error answer that is handed on: small, and without addresses.
async fn error_body(peer: &Peer, status: StatusCode, headers: &mut Fields, answer: Answer) -> Result<Body, CallError> {
    let encoded = headers.contains(header::CONTENT_ENCODING);
    let body = match answer.collect(SHORT_ANSWER).await {
        Ok(body) if !encoded && !is_for_operators(status) => body,
        Ok(body) => return Err(from_status(status, headers, if encoded { b"" } else { &body }, &peer.endpoint)),
        Err(error) => return Err(from_body(&error, status, &peer.endpoint)),
    };
    headers.remove(JSON_LENGTH);
    Ok(scrub(&String::from_utf8_lossy(&body), &peer.endpoint).into())
}

fn not_an_answer(status: StatusCode, headers: &Fields) -> Option<&'static str> {
    let plain = headers.get(header::CONTENT_ENCODING).is_none_or(|value| value.as_bytes() == b"identity");
    match status {
        StatusCode::OK if plain => None,
        StatusCode::OK => Some("it has a content encoding that was not asked for"),
        _ => Some("its status is not 200"),
    }
}

/// A request that the server's form cannot carry. Where it is not known whether the server takes binary data, that is
/// the server's fault and may pass.
fn unfit(error: &EncodeError, known: Option<bool>) -> CallError {
    let text = error.to_string();
    match known {
        Some(_) => CallError::new(CallClass::Client, Sent::Nothing, text.clone()).telling(text),
        None => {
            let cause = format!("{text}; `GET /v2` failed, so it is not known whether it takes binary data");
            CallError::new(CallClass::NotReady, Sent::Nothing, cause)
                .telling("the model server does not say at the moment whether it takes binary data")
        }
    }
}

/// A call that is over before it was put.
fn failed<'a>(error: CallError) -> BoxFuture<'a, Result<Reply, CallError>> {
    Box::pin(ready(Err(error)))
}
