//! Runs a model that may answer any number of times. This protocol has such answers in Triton's generate extension alone,
//! whose messages say neither shape nor datatype: a model is run by plain inference unless its server says that it is
//! decoupled, and what the extension cannot carry is refused with the reason.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use http::header;
use sluicegate_core::{
    ASK_FINAL, BackendModel, Call, CallBody, CallClass, CallError, Deadline, Fields, InferRequest, Inquiry,
    ModelMetadata, Parameter, Reply, ReplyStream, Sent, one_reply,
};
use sluicegate_wire::oip_rest::client::{encode_generate, generate_stream_path, infer_path};

use super::ask::{SHORT_ANSWER, from_status};
use super::call::JSON_LENGTH;
use super::events::Events;
use super::{OipRest, Peer};
use crate::remote::faults::{from_body, nonsense};
use crate::remote::transport::heavy;

/// How long it is believed that a model is decoupled, and how it is described.
const BELIEVED: Duration = Duration::from_secs(60);

/// What is known of a decoupled model.
pub(super) struct Decoupled {
    since: Instant,
    metadata: Arc<ModelMetadata>,
}

/// Whether these are server-sent events.
pub(super) fn is_events(headers: &Fields) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes());
    kind.and_then(|kind| kind.split(|byte| *byte == b';').next())
        .is_some_and(|kind| kind.trim_ascii().eq_ignore_ascii_case(b"text/event-stream"))
}

impl OipRest {
    /// Runs a model that answers any number of times.
    pub(super) async fn run_streaming(&self, peer: &Peer, call: Call) -> Result<ReplyStream, CallError> {
        let Call { model, body, headers, deadline, .. } = call;
        let CallBody::Tensors(request) = body else {
            let cause = "the client's own bytes were sent where tensors are answered";
            return Err(CallError::new(CallClass::Client, Sent::Nothing, cause));
        };
        let metadata = match self.known_decoupled(peer, &model) {
            Some(metadata) => metadata,
            None => {
                let plain =
                    self.translate(peer, &infer_path(&model), headers.clone(), without_final(&request), deadline).await;
                match plain {
                    Err(error) if says_decoupled(&error) => self.learn(peer, &model, &headers, deadline).await?,
                    Err(error) => return Err(error),
                    Ok(Reply::Tensors(response, _)) => return Ok(one_reply(response)),
                    Ok(Reply::Unnamed(..) | Reply::Wire(_)) => {
                        return Err(nonsense("tensors were answered with bytes", &peer.endpoint));
                    }
                }
            }
        };
        self.events(peer, &generate_stream_path(&model), headers, (request, metadata), deadline).await
    }

    async fn events(
        &self,
        peer: &Peer,
        path: &str,
        mut headers: Fields,
        (request, metadata): (Arc<InferRequest>, Arc<ModelMetadata>),
        deadline: Deadline,
    ) -> Result<ReplyStream, CallError> {
        let weight = request.inputs.iter().map(|input| input.data().len()).sum();
        let (description, non_finite) = (Arc::clone(&metadata), self.options.non_finite);
        let encode = move || (encode_generate(&request, &description, non_finite), request);
        let (encoded, request) = heavy(weight, Sent::Nothing, encode).await?;
        let (content, body) = encoded.map_err(|error| {
            CallError::new(CallClass::Client, Sent::Nothing, error.to_string()).telling(error.to_string())
        })?;
        for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::ACCEPT, JSON_LENGTH] {
            headers.remove(name);
        }
        headers.replace_by(&content);
        let response = self.send(peer, (Method::POST, path), headers, body, deadline).await?;
        let (head, answer) = response.into_parts();
        if is_events(&head.headers) {
            return Ok(Box::pin(Events::new(
                answer,
                head.status,
                peer.endpoint.clone(),
                Arc::unwrap_or_clone(request),
                metadata,
            )));
        }
        let body =
            answer.collect(SHORT_ANSWER).await.map_err(|error| from_body(&error, head.status, &peer.endpoint))?;
        if head.status.is_success() {
            return Err(nonsense("it is no stream of events", &peer.endpoint));
        }
        Err(from_status(head.status, &head.headers, &body, &peer.endpoint))
    }

    fn known_decoupled(&self, peer: &Peer, model: &BackendModel) -> Option<Arc<ModelMetadata>> {
        let decoupled = peer.decoupled.lock();
        let known = decoupled.get(model)?;
        let fresh = self.clock.now().saturating_duration_since(known.since) < BELIEVED;
        fresh.then(|| Arc::clone(&known.metadata))
    }

    /// Takes note that a model is decoupled. Models are those of the configuration, so that few are kept.
    async fn learn(
        &self,
        peer: &Peer,
        model: &BackendModel,
        headers: &Fields,
        deadline: Deadline,
    ) -> Result<Arc<ModelMetadata>, CallError> {
        let inquiry = Inquiry { model: model.clone(), headers: headers.clone(), deadline };
        let Some(metadata) = self.describe(peer, &inquiry).await? else {
            let cause = "the model is decoupled, and its server does not describe it: its answers cannot be read";
            return Err(CallError::new(CallClass::Client, Sent::Nothing, cause).telling(cause));
        };
        let metadata = Arc::new(metadata);
        let known = Decoupled { since: self.clock.now(), metadata: Arc::clone(&metadata) };
        peer.decoupled.lock().insert(model.clone(), known);
        Ok(metadata)
    }
}

/// Whether the error is Triton's, that a model's answers are not to be had this way.
fn says_decoupled(error: &CallError) -> bool {
    error.status == Some(501) && error.public.as_deref().is_some_and(|told| told.contains("decoupled"))
}

/// The request for an answer that is the last in any case. Triton takes no parameter of such a name over REST.
fn without_final(request: &InferRequest) -> Arc<InferRequest> {
    let mut request = request.clone();
    request.parameters.remove(ASK_FINAL);
    Arc::new(request)
}

/// Whether the request wants the end of its answers told.
pub(super) fn asks_final(request: &InferRequest) -> bool {
    request.parameters.get(ASK_FINAL) == Some(&Parameter::Bool(true))
}
