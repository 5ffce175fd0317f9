//! Short answers: readiness, liveness, the list of models, and facts that are handed on.

use bytes::Bytes;
use prost::Message;
use sluicegate_core::{Fact, Kind, Outbound, Refusal};

use super::facts;
use crate::generated::inference::{
    ModelReadyResponse, RepositoryIndexRequest, RepositoryIndexResponse, ServerLiveResponse, ServerReadyResponse,
    repository_index_response::ModelIndex,
};
use crate::grpc::frame;
use crate::{IndexEntry, grpc};

/// Writes whether a model can answer.
pub(super) fn model_ready(ready: bool) -> Outbound {
    grpc::short_answer(&ModelReadyResponse { ready })
}

/// Writes whether the gateway runs.
pub(super) fn server_live(live: bool) -> Outbound {
    grpc::short_answer(&ServerLiveResponse { live })
}

/// Writes whether the gateway takes requests.
pub(super) fn server_ready(ready: bool) -> Outbound {
    grpc::short_answer(&ServerReadyResponse { ready })
}

/// Reads whether only models that are ready are asked for.
pub(super) fn decode_index(message: &Bytes) -> Result<bool, Refusal> {
    let request = RepositoryIndexRequest::decode(&**message)
        .map_err(|_| Refusal::new(Kind::BadRequest, "the message is no RepositoryIndexRequest"))?;
    Ok(request.ready)
}

/// Writes the list of models.
pub(super) fn index(entries: &[IndexEntry<'_>]) -> Outbound {
    let model = |entry: &IndexEntry<'_>| ModelIndex {
        name: entry.name.to_owned(),
        version: entry.version.to_owned(),
        state: entry.state.to_owned(),
        reason: entry.reason.to_owned(),
    };
    grpc::short_answer(&RepositoryIndexResponse { models: entries.iter().map(model).collect() })
}

/// Writes a fact that a backend told as JSON.
pub(super) fn fact(fact: Fact, json: Bytes) -> Result<Outbound, Refusal> {
    let message = match fact {
        Fact::Config => facts::config_from_json(&json),
        Fact::Statistics => facts::statistics_from_json(&json),
    };
    let message = message.map_err(|error| {
        Refusal::new(Kind::UpstreamFault, "what the backend tells has no form in gRPC").because(error.to_string())
    })?;
    Ok(grpc::answer([frame::whole(&message)?]))
}
