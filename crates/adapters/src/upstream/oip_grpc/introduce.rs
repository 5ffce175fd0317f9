//! What a server says of itself: its name, its extensions, its models.

use sluicegate_core::{Body, CallClass, CallError, Deadline, Fields, Finding, Introduction, Level, Listed, Sent};
use sluicegate_wire::oip_grpc::client::{
    INDEX_PATH, SERVER_PATH, decode_index, decode_server, encode_index, encode_nothing,
};

use super::faults::nonsense;
use super::{OipGrpc, Peer};

impl OipGrpc {
    /// Who is there. That it speaks gRPC, but not this protocol, is a finding.
    pub(super) async fn who_is(&self, peer: &Peer, deadline: Deadline) -> Result<Option<Introduction>, CallError> {
        let question = (SERVER_PATH, Body::from(encode_nothing()));
        let described = match self.ask(peer, question, Fields::new(), deadline).await {
            Ok(message) => Some(decode_server(&message).map_err(|error| nonsense(&error.to_string(), &peer.endpoint))?),
            Err(failed) if failed.lacks_call() => None,
            Err(failed) => return Err(failed.error),
        };
        let models = self.list(peer, deadline).await?;
        let known = described.is_some() || models.is_some();
        let mut introduction = described.unwrap_or_default();
        if !known {
            let what = format!("it speaks gRPC, but has no call `{SERVER_PATH}`");
            let advice = "look at `protocol` and `package` of the backend, and at the endpoint's port";
            introduction.findings.push(Finding::new(Level::Warning, what).advise(advice));
        }
        introduction.models = models;
        Ok(Some(introduction))
    }

    /// The models on its list; `None` where it has none.
    async fn list(&self, peer: &Peer, deadline: Deadline) -> Result<Option<Vec<Listed>>, CallError> {
        let question =
            encode_index(false).map_err(|error| CallError::new(CallClass::Client, Sent::Nothing, error.to_string()))?;
        let message = match self.ask(peer, (INDEX_PATH, Body::from(question)), Fields::new(), deadline).await {
            Ok(message) => message,
            // A list is asked for to be helpful: a server that gives none is not worse for it.
            Err(_) => return Ok(None),
        };
        let said = |text: String| (!text.is_empty()).then_some(text);
        let listed = decode_index(&message).ok().map(|models| {
            let of = models.into_iter().map(|model| Listed {
                name: model.name,
                version: said(model.version),
                state: said(model.state),
                reason: said(model.reason),
            });
            of.collect()
        });
        Ok(listed)
    }
}
