//! Questions about a model: what it takes, and whether it is ready. Answered for backends that cannot say, too.

use sluicegate_core::{CallError, Deadline, Identity, Inquiry, ModelMetadata, Operation, Outbound, Protocol, Refusal};
use sluicegate_wire::codec;
use tokio::time::{Instant, timeout_at};

use super::call::late;
use super::permit;
use super::refused::refusal;
use super::traffic::ChosenInquiry;
use crate::control::Gateway;
use crate::snapshot::{Model, Version};
use crate::trail::Trail;

pub(crate) async fn inquire(
    chosen: ChosenInquiry<'_>,
    gateway: &Gateway,
    trail: &mut Trail,
) -> Result<Outbound, Refusal> {
    let (named, version) = chosen.into_parts();
    let deadline = Deadline(gateway.clock.now() + named.timeout());
    let inquiry = Inquiry { model: version.model.clone(), headers: trail.headers(), deadline };
    let began = gateway.clock.now();
    let codec = codec(named.protocol());
    let answer = if named.operation() == Operation::Ready {
        let ready = ready(version, inquiry, trail).await;
        Ok((codec.encode_model_ready)(&named.model().name, ready))
    } else {
        // The OpenAI API tells a model's name and nothing more.
        let said = match named.protocol() {
            Protocol::OpenAi => Ok(None),
            _ => describe(version, inquiry).await,
        };
        said.map(|said| (codec.encode_model_metadata)(&by_client_names(said, named.model(), trail.identity())))
    };
    trail.waited(gateway.clock.now().saturating_duration_since(began));
    answer
}

/// What the version's backend says of it; `None` where it has no way to say.
pub(crate) async fn describe(version: &Version, inquiry: Inquiry) -> Result<Option<ModelMetadata>, Refusal> {
    let backend = &version.backend;
    let Some(member) = backend.ask(Instant::now().into_std()) else {
        return Ok(None);
    };
    let deadline = Instant::from_std(inquiry.deadline.0);
    let said = timeout_at(deadline, backend.upstream.metadata(&member.endpoint, inquiry)).await;
    said.unwrap_or_else(|_| Err(late())).map_err(refusal)
}

/// A backend that cannot be asked is not ready.
async fn ready(version: &Version, inquiry: Inquiry, trail: &mut Trail) -> bool {
    is_ready(version, inquiry).await.unwrap_or_else(|error| {
        trail.upstream_error(Some(error.to_string()));
        false
    })
}

pub(super) async fn is_ready(version: &Version, inquiry: Inquiry) -> Result<bool, CallError> {
    let Some(member) = version.backend.ask(Instant::now().into_std()) else {
        return Ok(false);
    };
    let deadline = Instant::from_std(inquiry.deadline.0);
    timeout_at(deadline, version.backend.upstream.ready(&member.endpoint, inquiry))
        .await
        .unwrap_or_else(|_| Err(late()))
}

/// The client's names in place of the backend's, and the versions that are there for it; where the backend cannot say, what configuration knows.
fn by_client_names(said: Option<ModelMetadata>, model: &Model, identity: &Identity) -> ModelMetadata {
    let visible = model.versions.iter().filter(|version| permit::is_visible(model, version, identity));
    let versions = visible.map(|version| version.name.to_string()).collect();
    ModelMetadata { name: model.name.to_string(), versions, ..said.unwrap_or_default() }
}
