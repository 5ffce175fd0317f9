//! Facts about models that are handed on as their backends tell them, under the client's names; where a backend cannot
//! tell, what the gateway knows itself.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use sluicegate_core::{
    Asked, DataType, Deadline, Fact, Inquiry, ModelMetadata, Operation, Outbound, Protocol, Refusal, TensorMetadata,
};
use sluicegate_wire::{IndexEntry, codec};
use tokio::time::{Instant, timeout_at};

use super::inquire::{self, describe};
use super::traffic::ChosenInquiry;
use crate::control::Gateway;
use crate::snapshot::{Model, Snapshot, Version};
use crate::trail::Trail;

/// Answers for one version of a model.
pub(crate) async fn of_model(
    chosen: ChosenInquiry,
    fact: Fact,
    gateway: &Gateway,
    trail: &mut Trail,
) -> Result<Outbound, Refusal> {
    let (named, version) = chosen.into_parts();
    let deadline = Deadline(gateway.clock.now() + named.timeout());
    let inquiry = Inquiry { model: version.model.clone(), headers: trail.headers(), deadline };
    let json = match fact {
        Fact::Config => config(named.model(), &version, inquiry).await?,
        Fact::Statistics => json!({ "model_stats": statistics(named.model(), &version, inquiry).await }),
    };
    (codec(named.protocol()).encode_fact)(fact, Bytes::from(json.to_string()))
}

/// Answers for every model that the caller may see: counters, or a list.
pub(crate) async fn of_all(
    asked: &Asked,
    message: &Bytes,
    gateway: &Gateway,
    snapshot: &Snapshot,
    trail: &mut Trail,
) -> Result<Outbound, Refusal> {
    let codec = codec(asked.protocol);
    let spoken = snapshot.models.values().filter(|model| model.is_for(asked.protocol));
    let mut models: Vec<&Model> = spoken.map(|model| &**model).collect();
    models.sort_by(|left, right| left.name.cmp(&right.name));
    if asked.operation == Operation::Index {
        if asked.protocol == Protocol::OpenAi {
            return Ok((codec.encode_index)(&names(&models)));
        }
        let only_ready = (codec.decode_index)(message)?;
        return Ok((codec.encode_index)(&index(&models, only_ready, gateway, trail).await));
    }
    let mut all = Vec::new();
    for model in models {
        for version in &model.versions {
            let deadline = Deadline(gateway.clock.now() + model.timeout);
            let inquiry = Inquiry { model: version.model.clone(), headers: trail.headers(), deadline };
            all.extend(statistics(model, version, inquiry).await);
        }
    }
    (codec.encode_fact)(Fact::Statistics, Bytes::from(json!({ "model_stats": all }).to_string()))
}

/// The models of a list that tells no state: nothing need be asked for it.
fn names<'a>(models: &[&'a Model]) -> Vec<IndexEntry<'a>> {
    models.iter().map(|model| IndexEntry { name: &model.name, version: "", state: "", reason: "" }).collect()
}

async fn index<'a>(models: &[&'a Model], only_ready: bool, gateway: &Gateway, trail: &Trail) -> Vec<IndexEntry<'a>> {
    let mut entries = Vec::new();
    for model in models {
        for version in &model.versions {
            let deadline = Deadline(gateway.clock.now() + model.timeout);
            let inquiry = Inquiry { model: version.model.clone(), headers: trail.headers(), deadline };
            let ready = matches!(inquire::is_ready(version, inquiry).await, Ok(true));
            if ready || !only_ready {
                let (state, reason) = if ready { ("READY", "") } else { ("UNAVAILABLE", "not ready") };
                entries.push(IndexEntry { name: &model.name, version: &version.name, state, reason });
            }
        }
    }
    entries
}

async fn config(model: &Model, version: &Version, inquiry: Inquiry) -> Result<Value, Refusal> {
    if let Some(mut told) = ask(version, 0, Fact::Config, inquiry.clone()).await {
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

/// The counters of a version, added up over its endpoints; the gateway's own where none of them counts.
async fn statistics(model: &Model, version: &Version, inquiry: Inquiry) -> Vec<Value> {
    let mut sum: Option<Value> = None;
    for endpoint in 0..version.backend.plan.endpoints.len() {
        let Some(told) = ask(version, endpoint, Fact::Statistics, inquiry.clone()).await else {
            continue;
        };
        let wanted = inquiry.model.version.as_deref();
        let entries = told.get("model_stats").and_then(Value::as_array).cloned().unwrap_or_default();
        let same =
            |entry: &&Value| wanted.is_none_or(|wanted| entry.get("version").and_then(Value::as_str) == Some(wanted));
        for entry in entries.iter().filter(same) {
            match &mut sum {
                Some(sum) => add(sum, entry),
                None => sum = Some(entry.clone()),
            }
        }
    }
    let mut entry = sum.unwrap_or_else(|| version.counters.as_json());
    if let Some(object) = entry.as_object_mut() {
        object.insert("name".to_owned(), json!(&*model.name));
        object.insert("version".to_owned(), json!(&*version.name));
    }
    vec![entry]
}

/// Adds counters of one shape; of times of day the latest counts, and what is not a number stays.
fn add(sum: &mut Value, more: &Value) {
    match (sum, more) {
        (Value::Object(sum), Value::Object(more)) => add_members(sum, more),
        (Value::Array(sum), Value::Array(more)) => {
            for (index, item) in more.iter().enumerate() {
                match sum.get_mut(index) {
                    Some(place) => add(place, item),
                    None => sum.push(item.clone()),
                }
            }
        }
        (sum @ Value::Number(_), Value::Number(more)) => {
            let total = sum.as_u64().unwrap_or(0).saturating_add(more.as_u64().unwrap_or(0));
            *sum = Value::from(total);
        }
        _ => {}
    }
}

fn add_members(sum: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (key, value) in more {
        match sum.get_mut(key) {
            Some(place) if key == "last_inference" => {
                if value.as_u64() > place.as_u64() {
                    *place = value.clone();
                }
            }
            // Sizes of batches name their rows; they are not counted up.
            Some(_) if key == "batch_size" => {}
            Some(place) => add(place, value),
            None => drop(sum.insert(key.clone(), value.clone())),
        }
    }
}

/// A backend that cannot be asked, or does not answer in time, tells nothing.
async fn ask(version: &Version, endpoint: usize, fact: Fact, inquiry: Inquiry) -> Option<Value> {
    let endpoint = version.backend.plan.endpoints.get(endpoint)?;
    let deadline = Instant::from_std(inquiry.deadline.0);
    let told = timeout_at(deadline, version.backend.upstream.fact(endpoint, fact, inquiry)).await;
    serde_json::from_slice(&told.ok()?.ok()??).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::add;

    #[test]
    fn counters_add_up() {
        let mut sum = json!({ "version": "1", "last_inference": 5, "inference_count": 2, "inference_stats": { "success": { "count": 2, "ns": 10 } }, "batch_stats": [{ "batch_size": 1, "compute_infer": { "count": 2 } }] });
        let more = json!({ "version": "1", "last_inference": 4, "inference_count": 3, "inference_stats": { "success": { "count": 3, "ns": 7 } }, "batch_stats": [{ "batch_size": 1, "compute_infer": { "count": 3 } }] });
        add(&mut sum, &more);
        assert_eq!(
            sum,
            json!({ "version": "1", "last_inference": 5, "inference_count": 5, "inference_stats": { "success": { "count": 5, "ns": 17 } }, "batch_stats": [{ "batch_size": 1, "compute_infer": { "count": 5 } }] })
        );
    }
}
