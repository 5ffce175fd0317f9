//! Facts about models that are handed on as their backends tell them, under the client's names; where a backend cannot
//! tell, what the gateway knows itself.

mod counters;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use sluicegate_core::{
    Asked, DataType, Deadline, Endpoint, Fact, Fields, Identity, Inquiry, ModelMetadata, Operation, Outbound, Refusal,
    TensorMetadata,
};
use sluicegate_wire::{IndexEntry, codec, document};
use tokio::time::{Instant, timeout_at};

use super::inquire::{self, describe};
use super::permit;
use super::traffic::ChosenInquiry;
use crate::control::Gateway;
use crate::door::Door;
use crate::snapshot::{Model, Snapshot, Version};
use crate::trail::Trail;

/// A version of a model that the caller may see.
type Seen<'a> = (&'a Model, &'a Version);

/// Questions under way at once where every model is asked about.
const AT_ONCE: usize = 16;

/// Answers for one version of a model.
pub(crate) async fn of_model(
    chosen: ChosenInquiry<'_>,
    fact: Fact,
    gateway: &Gateway,
    trail: &mut Trail,
) -> Result<Outbound, Refusal> {
    let (named, version) = chosen.into_parts();
    let deadline = Deadline(gateway.clock.now() + named.timeout());
    let inquiry = Inquiry { model: version.model.clone(), headers: trail.headers(), deadline };
    let json = match fact {
        Fact::Config => config(named.model(), version, inquiry).await?,
        Fact::Statistics => json!({ "model_stats": [counters::of(named.model(), version, inquiry).await] }),
    };
    (codec(named.protocol()).encode_fact)(fact, Bytes::from(document(json)))
}

/// Answers for every model that the caller may see: counters, or a list.
pub(crate) async fn of_all(
    (asked, message): (&Asked, &Bytes),
    gateway: &Gateway,
    (snapshot, door): (&Snapshot, &Door),
    trail: &mut Trail,
) -> Result<Outbound, Refusal> {
    let (codec, headers) = (codec(asked.protocol), trail.headers());
    let seen = seen(asked, (snapshot, door), trail.identity());
    match asked.operation {
        Operation::Names => {
            let mut names: Vec<&str> = seen.iter().map(|(model, _)| &*model.name).collect();
            names.dedup();
            Ok((codec.encode_names)(&names))
        }
        Operation::Index => {
            let only_ready = (codec.decode_index)(message)?;
            Ok((codec.encode_index)(&index(&seen, only_ready, gateway, &headers).await))
        }
        _ => {
            let told = each(&seen, gateway, &headers, counters::of);
            let all: Vec<Value> = told.await;
            (codec.encode_fact)(Fact::Statistics, Bytes::from(document(json!({ "model_stats": all }))))
        }
    }
}

/// What of the models is there for the caller: in a list whatever it may use for anything, else what it may be told of.
fn seen<'a>(asked: &Asked, (snapshot, door): (&'a Snapshot, &Door), identity: &Identity) -> Vec<Seen<'a>> {
    let exposed = snapshot.models.values().filter(|model| door.exposes(&model.name));
    let spoken = exposed.filter(|model| model.is_for(asked.protocol));
    let mut models: Vec<&Model> = spoken.map(|model| &**model).collect();
    models.sort_by(|left, right| left.name.cmp(&right.name));
    let versions = models.into_iter().flat_map(|model| model.versions.iter().map(move |version| (model, &**version)));
    let is_seen = |(model, version): &Seen<'_>| match asked.operation {
        Operation::Names | Operation::Index => permit::is_visible(model, version, identity),
        operation => permit::may(model, version, identity, operation),
    };
    versions.filter(is_seen).collect()
}

async fn index<'a>(seen: &[Seen<'a>], only_ready: bool, gateway: &Gateway, headers: &Fields) -> Vec<IndexEntry<'a>> {
    let all = each(seen, gateway, headers, |model: &'a Model, version: &'a Version, inquiry| async move {
        let ready = matches!(inquire::is_ready(version, inquiry).await, Ok(true));
        let (state, reason) = if ready { ("READY", "") } else { ("UNAVAILABLE", "not ready") };
        (ready, IndexEntry { name: &model.name, version: &version.name, state, reason })
    });
    all.await.into_iter().filter(|(ready, _)| *ready || !only_ready).map(|(_, entry)| entry).collect()
}

/// What `ask` says of every one of the versions, in their order. A server that hangs must not hold up the others.
async fn each<'a, T, F: Future<Output = T>>(
    seen: &[Seen<'a>],
    gateway: &Gateway,
    headers: &Fields,
    ask: impl Fn(&'a Model, &'a Version, Inquiry) -> F,
) -> Vec<T> {
    let now = gateway.clock.now();
    let questions: Vec<F> = seen
        .iter()
        .map(|(model, version)| {
            let deadline = Deadline(now + model.timeout);
            ask(model, version, Inquiry { model: version.model.clone(), headers: headers.clone(), deadline })
        })
        .collect();
    stream::iter(questions).buffered(AT_ONCE).collect().await
}

async fn config(model: &Model, version: &Version, inquiry: Inquiry) -> Result<Value, Refusal> {
    let endpoint = version.backend.ask(Instant::now().into_std()).map(|member| member.endpoint.clone());
    if let Some(endpoint) = endpoint
        && let Some(mut told) = ask(version, &endpoint, Fact::Config, inquiry.clone()).await
    {
        if let Some(object) = told.as_object_mut() {
            object.insert("name".to_owned(), json!(&*model.name));
        }
        return Ok(told);
    }
    let known = describe(version, inquiry).await?.unwrap_or_default();
    Ok(config_of(model, &known))
}

/// What a description tells of a configuration: enough for tools that ask for tensors and batching.
fn config_of(model: &Model, known: &ModelMetadata) -> Value {
    let tensors = |tensors: &[TensorMetadata]| -> Vec<Value> {
        let tensor = |tensor: &TensorMetadata| {
            let datatype = match tensor.datatype {
                DataType::Bytes => "TYPE_STRING".to_owned(),
                other => format!("TYPE_{other}"),
            };
            json!({ "name": tensor.name, "data_type": datatype, "dims": tensor.shape })
        };
        tensors.iter().map(tensor).collect()
    };
    json!({
        "name": &*model.name,
        "platform": known.platform,
        "max_batch_size": 0,
        "input": tensors(&known.inputs),
        "output": tensors(&known.outputs),
    })
}

/// A backend that cannot be asked, or does not answer in time, tells nothing.
async fn ask(version: &Version, endpoint: &Endpoint, fact: Fact, inquiry: Inquiry) -> Option<Value> {
    let deadline = Instant::from_std(inquiry.deadline.0);
    let told = timeout_at(deadline, version.backend.upstream.fact(endpoint, fact, inquiry)).await;
    serde_json::from_slice(&told.ok()?.ok()??).ok()
}
