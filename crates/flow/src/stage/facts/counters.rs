//! The counters of a version, added up over its endpoints; the gateway's own where none of them counts.

use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use sluicegate_core::{Fact, Inquiry};

use super::ask;
use crate::snapshot::{Model, Version};

/// Members that say what a row of a list is about. Rows are added where these are equal.
const KEYS: [&str; 3] = ["batch_size", "type", "id"];

pub(super) async fn of(model: &Model, version: &Version, inquiry: Inquiry) -> Value {
    let endpoints = version.backend.endpoints();
    let told =
        join_all(endpoints.iter().map(|endpoint| ask(version, endpoint, Fact::Statistics, inquiry.clone()))).await;
    let wanted = inquiry.model.version.as_deref();
    let mut sum: Option<Value> = None;
    for told in told.into_iter().flatten() {
        let entries = told.get("model_stats").and_then(Value::as_array).cloned().unwrap_or_default();
        let same =
            |entry: &Value| wanted.is_none_or(|wanted| entry.get("version").and_then(Value::as_str) == Some(wanted));
        for entry in entries.into_iter().filter(same) {
            match &mut sum {
                Some(sum) => add(sum, entry),
                None => sum = Some(entry),
            }
        }
    }
    let mut entry = sum.unwrap_or_else(|| version.counters.as_json());
    if let Some(object) = entry.as_object_mut() {
        object.insert("name".to_owned(), json!(&*model.name));
        object.insert("version".to_owned(), json!(&*version.name));
    }
    entry
}

/// Adds counters of one shape; what is not a number stays.
fn add(sum: &mut Value, more: Value) {
    match (sum, more) {
        (Value::Object(sum), Value::Object(more)) => add_members(sum, more),
        (Value::Array(sum), Value::Array(more)) => {
            for row in more {
                match sum.iter_mut().find(|known| KEYS.iter().all(|key| known.get(key) == row.get(key))) {
                    Some(known) => add(known, row),
                    None => sum.push(row),
                }
            }
        }
        (sum @ Value::Number(_), Value::Number(more)) => {
            *sum = Value::from(sum.as_u64().unwrap_or(0).saturating_add(more.as_u64().unwrap_or(0)));
        }
        _ => {}
    }
}

fn add_members(sum: &mut Map<String, Value>, more: Map<String, Value>) {
    for (key, value) in more {
        match sum.get_mut(&key) {
            // Of times of day the latest counts.
            Some(place) if key == "last_inference" => {
                if value.as_u64() > place.as_u64() {
                    *place = value;
                }
            }
            Some(_) if KEYS.contains(&key.as_str()) => {}
            Some(place) => add(place, value),
            None => drop(sum.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::add;

    #[test]
    fn counters_add_up() {
        let mut sum = json!({
            "version": "1", "last_inference": 5, "inference_count": 2,
            "inference_stats": { "success": { "count": 2, "ns": 10 } },
            "batch_stats": [{ "batch_size": 1, "compute_infer": { "count": 2 } }],
            "memory_usage": [{ "type": "GPU", "id": 1, "byte_size": 3 }],
        });
        add(
            &mut sum,
            json!({
                "version": "1", "last_inference": 4, "inference_count": 3,
                "inference_stats": { "success": { "count": 3, "ns": 7 } },
                "batch_stats": [
                    { "batch_size": 4, "compute_infer": { "count": 9 } },
                    { "batch_size": 1, "compute_infer": { "count": 3 } },
                ],
                "memory_usage": [{ "type": "GPU", "id": 1, "byte_size": 4 }, { "type": "CPU", "id": 0, "byte_size": 1 }],
            }),
        );
        assert_eq!(
            sum,
            json!({
                "version": "1", "last_inference": 5, "inference_count": 5,
                "inference_stats": { "success": { "count": 5, "ns": 17 } },
                "batch_stats": [
                    { "batch_size": 1, "compute_infer": { "count": 5 } },
                    { "batch_size": 4, "compute_infer": { "count": 9 } },
                ],
                "memory_usage": [{ "type": "GPU", "id": 1, "byte_size": 7 }, { "type": "CPU", "id": 0, "byte_size": 1 }],
            })
        );
    }
}
