//! The lists of models: with their states after Triton's model repository extension, by name alone after KServe.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use sluicegate_core::{Kind, Outbound, Refusal};

use super::answer;
use crate::{IndexEntry, document};

/// Reads whether only models that are ready are asked for. An empty body asks for all.
pub(super) fn decode(body: &Bytes) -> Result<bool, Refusal> {
    if body.is_empty() {
        return Ok(false);
    }
    let bad = || Refusal::new(Kind::BadRequest, "expected nothing, or an object with `ready`: true or false");
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => match object.get("ready") {
            None => Ok(false),
            Some(ready) => ready.as_bool().ok_or_else(bad),
        },
        _ => Err(bad()),
    }
}

/// Writes the list.
pub(super) fn encode(entries: &[IndexEntry<'_>]) -> Outbound {
    let entry = |entry: &IndexEntry<'_>| json!({ "name": entry.name, "version": entry.version, "state": entry.state, "reason": entry.reason });
    let list: Vec<Value> = entries.iter().map(entry).collect();
    answer::json(StatusCode::OK, document(Value::Array(list)))
}

/// Writes the names alone.
pub(super) fn names(names: &[&str]) -> Outbound {
    answer::json(StatusCode::OK, document(json!({ "models": names })))
}
