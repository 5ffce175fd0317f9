//! Questions about a model and about the server, also to servers that lack the paths for them.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use sluicegate_core::{CallError, Deadline, Fact, Fields, Inquiry, ModelMetadata};
use sluicegate_wire::oip_rest::client::{
    READY_PATH, SERVER_PATH, decode_health, decode_metadata, decode_server_extensions, metadata_path, ready_path,
};

use super::ask::from_status;
use super::{OipRest, Peer};
use crate::remote::faults::{is_unknown_model, lacks_path};

/// The extension's name in a server's description.
pub(super) const BINARY: &str = "binary_tensor_data";

/// How long a server may take to describe itself.
const DESCRIBE: Duration = Duration::from_secs(2);

impl OipRest {
    /// Describes a model. `None`: the server has no way to say.
    pub(super) async fn describe(&self, peer: &Peer, inquiry: &Inquiry) -> Result<Option<ModelMetadata>, CallError> {
        let path = metadata_path(&inquiry.model);
        let answer = self.get(peer, &path, inquiry.headers.clone(), inquiry.deadline).await?;
        if answer.status == StatusCode::OK {
            return Ok(decode_metadata(&answer.body).ok());
        }
        // Triton lists the versions of a model under its bare path, but a path that is missing is no missing model.
        if lacks_path(answer.status, &answer.body) {
            return match self.is_ready(peer, inquiry).await? {
                true => Ok(None),
                false => Err(from_status(StatusCode::SERVICE_UNAVAILABLE, &answer.headers, NOT_READY, &peer.endpoint)),
            };
        }
        Err(from_status(answer.status, &answer.headers, &answer.body, &peer.endpoint))
    }

    /// Tells a fact as Triton's extensions do. `None`: the server has no way to say.
    pub(super) async fn tell(&self, peer: &Peer, fact: Fact, inquiry: &Inquiry) -> Result<Option<Bytes>, CallError> {
        let verb = match fact {
            Fact::Config => "/config",
            Fact::Statistics => "/stats",
        };
        let path = metadata_path(&inquiry.model) + verb;
        let answer = self.get(peer, &path, inquiry.headers.clone(), inquiry.deadline).await?;
        if answer.status == StatusCode::OK {
            return Ok(Some(answer.body));
        }
        if lacks_path(answer.status, &answer.body) {
            return Ok(None);
        }
        Err(from_status(answer.status, &answer.headers, &answer.body, &peer.endpoint))
    }

    /// Says whether a model can answer.
    pub(super) async fn is_ready(&self, peer: &Peer, inquiry: &Inquiry) -> Result<bool, CallError> {
        let path = ready_path(&inquiry.model);
        let answer = self.get(peer, &path, inquiry.headers.clone(), inquiry.deadline).await?;
        match answer.status.as_u16() {
            200 => Ok(decode_health(&answer.body)),
            _ if is_unknown_model(answer.status, &answer.body) => {
                Err(from_status(answer.status, &answer.headers, &answer.body, &peer.endpoint))
            }
            400 | 503 => Ok(false),
            _ if lacks_path(answer.status, &answer.body) => {
                self.is_healthy(peer, inquiry.headers.clone(), inquiry.deadline).await
            }
            _ => Err(from_status(answer.status, &answer.headers, &answer.body, &peer.endpoint)),
        }
    }

    /// Says whether the server takes requests; one that has no path for it does, since it answers.
    pub(super) async fn is_healthy(&self, peer: &Peer, headers: Fields, deadline: Deadline) -> Result<bool, CallError> {
        let answer = self.get(peer, READY_PATH, headers, deadline).await?;
        match answer.status.as_u16() {
            200 => Ok(decode_health(&answer.body)),
            400 | 503 => Ok(false),
            404 | 405 | 501 => Ok(true),
            _ => Err(from_status(answer.status, &answer.headers, &answer.body, &peer.endpoint)),
        }
    }

    /// Says whether the server describes itself as having the binary tensor extension.
    pub(super) async fn has_binary(&self, peer: &Peer, headers: Fields, deadline: Deadline) -> Result<bool, CallError> {
        let deadline = deadline.min(Deadline(self.clock.now() + DESCRIBE));
        let answer = self.get(peer, SERVER_PATH, headers, deadline).await?;
        if answer.status == StatusCode::OK {
            let extensions = decode_server_extensions(&answer.body).unwrap_or_default();
            return Ok(extensions.iter().any(|name| name == BINARY));
        }
        if matches!(answer.status.as_u16(), 404 | 405 | 501) {
            return Ok(false);
        }
        Err(from_status(answer.status, &answer.headers, &answer.body, &peer.endpoint))
    }
}

/// What a server would have said that has no path to describe its models, but one to say that they are not ready.
const NOT_READY: &[u8] = br#"{"error":"the model is not ready"}"#;
