//! Questions about a model, also to servers that lack the paths for them.

use http::StatusCode;
use sluicegate_core::{CallClass, CallError, Deadline, Fields, Inquiry, ModelMetadata, Sent};
use sluicegate_wire::openai::client::{HEALTH_PATH, MODELS_PATH, decode_models};

use super::ask::from_status;
use super::{OpenAi, Peer};
use crate::remote::faults::lacks_path;

impl OpenAi {
    /// Describes a model, by its name alone: servers tell no more. `None`: it is not on the server's list, which may
    /// leave out other names that it takes.
    pub(super) async fn describe(&self, peer: &Peer, inquiry: &Inquiry) -> Result<Option<ModelMetadata>, CallError> {
        let name = &inquiry.model.name;
        let listed = self.list(peer, inquiry).await?.is_some_and(|models| models.iter().any(|one| **one == **name));
        Ok(listed.then(|| ModelMetadata { name: name.to_string(), ..ModelMetadata::default() }))
    }

    /// Says whether a model can answer: the server lists it, and says that it is well. One that has no path for
    /// either is ready, since it answers.
    pub(super) async fn is_ready(&self, peer: &Peer, inquiry: &Inquiry) -> Result<bool, CallError> {
        if let Some(models) = self.list(peer, inquiry).await?
            && !models.iter().any(|one| **one == *inquiry.model.name)
        {
            let cause = format!(
                "{} lists {} models, and '{}' is none of them: name it as the server does",
                peer.endpoint.authority,
                models.len(),
                inquiry.model.name
            );
            return Err(CallError::new(CallClass::NotFound, Sent::All, cause));
        }
        // llama.cpp lists its model while it still loads it.
        self.is_healthy(peer, inquiry.headers.clone(), inquiry.deadline).await
    }

    /// Says whether the server takes requests; one that has no path for it does, since it answers.
    pub(super) async fn is_healthy(&self, peer: &Peer, headers: Fields, deadline: Deadline) -> Result<bool, CallError> {
        let answer = self.get(peer, HEALTH_PATH, headers, deadline).await?;
        match answer.status.as_u16() {
            200..=299 | 404 | 405 | 501 => Ok(true),
            503 => Ok(false),
            _ => Err(from_status(answer.status, &answer.headers, &answer.body, &peer.endpoint)),
        }
    }

    /// The models that the server lists; `None` where it lists none.
    async fn list(&self, peer: &Peer, inquiry: &Inquiry) -> Result<Option<Vec<String>>, CallError> {
        let answer = self.get(peer, MODELS_PATH, inquiry.headers.clone(), inquiry.deadline).await?;
        match answer.status {
            StatusCode::OK => Ok(decode_models(&answer.body)),
            StatusCode::NOT_FOUND => Ok(None),
            status if lacks_path(status, &answer.body) => Ok(None),
            status => Err(from_status(status, &answer.headers, &answer.body, &peer.endpoint)),
        }
    }
}
