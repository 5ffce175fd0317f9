//! Questions about a model and about the server, also to servers that lack the calls for them.

use std::time::Duration;

use bytes::Bytes;
use sluicegate_core::{Body, CallClass, CallError, Deadline, Fact, Fields, Inquiry, ModelMetadata, Sent};
use sluicegate_wire::Limits;
use sluicegate_wire::oip_grpc::client::{
    CONFIG_PATH, METADATA_PATH, READY_PATH, SERVER_PATH, SERVER_READY_PATH, STATISTICS_PATH, config_to_json,
    decode_metadata, decode_server_extensions, decode_yes, encode_nothing, encode_question, statistics_to_json,
};

use super::faults::{Failed, nonsense};
use super::{OipGrpc, Peer};

/// Extensions of servers whose protocol has parameters that are doubles and unsigned integers.
const WIDE: [&str; 2] = ["binary_tensor_data", "parameters"];

/// How long a server may take to describe itself.
const DESCRIBE: Duration = Duration::from_secs(2);

impl OipGrpc {
    /// Describes a model. `None`: the server has no way to say.
    pub(super) async fn describe(&self, peer: &Peer, inquiry: Inquiry) -> Result<Option<ModelMetadata>, CallError> {
        match self.question(peer, METADATA_PATH, &inquiry).await {
            Ok(message) => Ok(decode_metadata(message, &Limits::default()).ok()),
            Err(failed) if failed.lacks_call() => match self.is_ready(peer, inquiry).await? {
                true => Ok(None),
                false => Err(CallError::new(CallClass::NotReady, Sent::All, "the model is not ready")),
            },
            Err(failed) => Err(failed.error),
        }
    }

    /// Says whether a model can answer.
    pub(super) async fn is_ready(&self, peer: &Peer, inquiry: Inquiry) -> Result<bool, CallError> {
        match self.question(peer, READY_PATH, &inquiry).await {
            Ok(message) => decode_yes(message).map_err(|error| nonsense(&error.to_string(), &peer.endpoint)),
            Err(failed) if failed.error.class == CallClass::NotReady => Ok(false),
            Err(failed) if failed.lacks_call() => self.is_healthy(peer, inquiry.headers, inquiry.deadline).await,
            Err(failed) => Err(failed.error),
        }
    }

    /// Tells a fact about a model as JSON. `None`: the server has no way to say.
    pub(super) async fn tell(&self, peer: &Peer, fact: Fact, inquiry: Inquiry) -> Result<Option<Bytes>, CallError> {
        let path = match fact {
            Fact::Config => CONFIG_PATH,
            Fact::Statistics => STATISTICS_PATH,
        };
        let message = match self.question(peer, path, &inquiry).await {
            Ok(message) => message,
            Err(failed) if failed.lacks_call() => return Ok(None),
            Err(failed) => return Err(failed.error),
        };
        let json = match fact {
            Fact::Config => config_to_json(&message),
            Fact::Statistics => statistics_to_json(&message),
        };
        json.map(Some).map_err(|error| nonsense(&error.to_string(), &peer.endpoint))
    }

    /// Says whether the server describes itself as one whose parameters can be doubles and unsigned integers.
    pub(super) async fn has_wide_parameters(
        &self,
        peer: &Peer,
        headers: Fields,
        deadline: Deadline,
    ) -> Result<bool, CallError> {
        let deadline = deadline.min(Deadline(self.clock.now() + DESCRIBE));
        match self.ask(peer, (SERVER_PATH, Body::from(encode_nothing())), headers, deadline).await {
            Ok(message) => {
                let extensions = decode_server_extensions(&message).unwrap_or_default();
                Ok(extensions.iter().any(|name| WIDE.contains(&name.as_str())))
            }
            Err(failed) if failed.lacks_call() => Ok(false),
            Err(failed) => Err(failed.error),
        }
    }

    /// Says whether the server takes requests; one that has no call for it does, since it answers.
    pub(super) async fn is_healthy(&self, peer: &Peer, headers: Fields, deadline: Deadline) -> Result<bool, CallError> {
        let question = (SERVER_READY_PATH, Body::from(encode_nothing()));
        match self.ask(peer, question, headers, deadline).await {
            Ok(message) => decode_yes(message).map_err(|error| nonsense(&error.to_string(), &peer.endpoint)),
            Err(failed) if failed.lacks_call() => Ok(true),
            Err(failed) => Err(failed.error),
        }
    }

    async fn question(&self, peer: &Peer, path: &str, inquiry: &Inquiry) -> Result<Bytes, Failed> {
        let message = encode_question(&inquiry.model)
            .map_err(|error| CallError::new(CallClass::Client, Sent::Nothing, error.to_string()))?;
        self.ask(peer, (path, Body::from(message)), inquiry.headers.clone(), inquiry.deadline).await
    }
}
