//! Runs a model: tensors encoded for this server, and its answer, or its answers, decoded.

use bytes::Bytes;
use sluicegate_core::{
    BackendModel, Call, CallBody, CallClass, CallError, Deadline, Fields, InferRequest, InferResponse, Metadata,
    Parameter, Parameters, Reply, ReplyStream, Sent, Unnamed, one_reply,
};
use sluicegate_wire::Limits;
use sluicegate_wire::oip_grpc::client::{self, EncodeError, INFER_PATH, STREAM_PATH};

use super::faults::nonsense;
use super::replies::Replies;
use super::{OipGrpc, Peer, Wide};
use crate::remote::transport::heavy;

impl OipGrpc {
    /// Runs a model that answers once.
    pub(super) async fn run(&self, peer: &Peer, call: Call) -> Result<Reply, CallError> {
        let Call { model, body, headers, deadline, .. } = call;
        if let CallBody::Unnamed(message) = body {
            return self.pass(peer, (&model, message), headers, deadline).await;
        }
        let (message, id) = self.encode(peer, (&model, body), &headers, deadline).await?;
        let (response, metadata) = self.answer_once(peer, (message, id), headers, deadline).await?;
        Ok(Reply::Tensors(response, metadata))
    }

    /// Hands a message on under the server's names. The answer comes back without any, where it is plain; the id is the
    /// caller's affair: MLServer makes one up.
    async fn pass(
        &self,
        peer: &Peer,
        (model, message): (&BackendModel, Unnamed),
        headers: Fields,
        deadline: Deadline,
    ) -> Result<Reply, CallError> {
        let framed = client::encode_unnamed(&message, model).map_err(|error| unfit(&error, Some(false)))?;
        let body = framed.into_iter().collect();
        let (answer, metadata) = self.ask_fully(peer, (INFER_PATH, body), headers, deadline).await?;
        match client::unnamed_response(&answer, &self.limits()) {
            Some(unnamed) => Ok(Reply::Unnamed(unnamed, metadata)),
            None => Ok(Reply::Tensors(self.decode(peer, answer, message.id).await?, metadata)),
        }
    }

    async fn answer_once(
        &self,
        peer: &Peer,
        (message, id): (Vec<Bytes>, Option<String>),
        headers: Fields,
        deadline: Deadline,
    ) -> Result<(InferResponse, Option<Box<Metadata>>), CallError> {
        let (answer, metadata) =
            self.ask_fully(peer, (INFER_PATH, message.into_iter().collect()), headers, deadline).await?;
        Ok((self.decode(peer, answer, id).await?, metadata))
    }

    async fn decode(&self, peer: &Peer, answer: Bytes, id: Option<String>) -> Result<InferResponse, CallError> {
        let limits = self.limits();
        let decoded = heavy(answer.len(), Sent::All, move || client::decode_response(answer, &limits)).await?;
        let mut response = decoded.map_err(|error| nonsense(&error.to_string(), &peer.endpoint))?;
        // The caller's, or none: MLServer makes one up.
        response.id = id;
        Ok(response)
    }

    /// Runs a model that answers any number of times. A server that has no call for such models, as KServe, answers once.
    pub(super) async fn run_streaming(&self, peer: &Peer, call: Call) -> Result<ReplyStream, CallError> {
        let Call { model, body, headers, deadline, .. } = call;
        let (message, id) = self.encode(peer, (&model, body), &headers, deadline).await?;
        if peer.streams.known() != Some(false) {
            // Pieces that are shared, not copied.
            let body = message.iter().cloned().collect();
            match self.send(peer, (STREAM_PATH, body), headers.clone(), deadline).await {
                Ok(answers) => return Ok(Box::pin(Replies::new(answers, peer.endpoint.clone(), id, self.limits()))),
                Err(failed) if failed.lacks_call() => peer.streams.note(false),
                Err(failed) => return Err(failed.error),
            }
        }
        self.answer_once(peer, (message, id), headers, deadline).await.map(|(response, _)| one_reply(response))
    }

    fn limits(&self) -> Limits {
        Limits { message: self.options.max_message, ..Limits::default() }
    }

    async fn encode(
        &self,
        peer: &Peer,
        (model, body): (&BackendModel, CallBody),
        headers: &Fields,
        deadline: Deadline,
    ) -> Result<(Vec<Bytes>, Option<String>), CallError> {
        let CallBody::Tensors(request) = body else {
            let cause = "the client's own bytes were sent to a backend that takes tensors only";
            return Err(CallError::new(CallClass::Client, Sent::Nothing, cause));
        };
        let known = if has_wide(&request) { self.takes_wide(peer, headers, deadline).await? } else { Some(false) };
        let wire = client::Peer { parameters_double_uint64: known.unwrap_or(false) };
        let pieces = client::encode_request(&request, model, &wire).map_err(|error| unfit(&error, known))?;
        Ok((pieces, request.id.clone()))
    }

    /// Whether the endpoint takes wide parameters; `None` where it does not say at the moment.
    async fn takes_wide(&self, peer: &Peer, headers: &Fields, deadline: Deadline) -> Result<Option<bool>, CallError> {
        match self.options.wide_parameters {
            Wide::Always => return Ok(Some(true)),
            Wide::Never => return Ok(Some(false)),
            Wide::Auto => {}
        }
        if let Some(known) = peer.wide.known() {
            return Ok(Some(known));
        }
        let now = self.clock.now();
        // A box of its own: the question is rare, and every call would have to carry the room for it.
        let learning = Box::pin(peer.wide.learn(now, self.has_wide_parameters(peer, headers.clone(), deadline)));
        tokio::time::timeout(deadline.left(now), learning).await.unwrap_or_else(|_| {
            let cause = format!("{}: its description did not come within the request's time", peer.endpoint.authority);
            Err(CallError::new(CallClass::Timeout, Sent::Nothing, cause))
        })
    }
}

/// Whether a parameter is of a kind that not every server's protocol has.
fn has_wide(request: &InferRequest) -> bool {
    let wide = |parameters: &Parameters| {
        parameters.iter().any(|(_, value)| matches!(value, Parameter::Double(_) | Parameter::Uint(_)))
    };
    wide(&request.parameters)
        || request.inputs.iter().any(|input| wide(&input.parameters))
        || request.outputs.iter().any(|output| wide(&output.parameters))
}

/// A request that the server's form cannot carry. Where it is not known what the server takes, that is the server's
/// fault and may pass.
fn unfit(error: &EncodeError, known: Option<bool>) -> CallError {
    let text = error.to_string();
    match (known, error) {
        (None, EncodeError::Parameter { .. }) => {
            let cause = format!("{text}; `ServerMetadata` failed, so it is not known whether it takes them");
            CallError::new(CallClass::NotReady, Sent::Nothing, cause)
                .telling("the model server does not say at the moment which parameters it takes")
        }
        _ => CallError::new(CallClass::Client, Sent::Nothing, text.clone()).telling(text),
    }
}
