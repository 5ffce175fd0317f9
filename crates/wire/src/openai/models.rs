//! Models as the protocol lists them.

use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use sluicegate_core::Outbound;

use crate::document;

/// Writes the list of the models that a caller may see, by the clients' names.
#[must_use]
pub fn models<'a>(names: impl IntoIterator<Item = &'a str>) -> Outbound {
    let data: Vec<Value> = names.into_iter().map(described).collect();
    written(json!({ "object": "list", "data": data }))
}

/// Writes the description of one model.
#[must_use]
pub fn model(name: &str) -> Outbound {
    written(described(name))
}

/// Clients want a time of making; the gateway does not know it.
fn described(name: &str) -> Value {
    json!({ "id": name, "object": "model", "created": 0, "owned_by": "sluicegate" })
}

fn written(value: Value) -> Outbound {
    let mut answer = Outbound::new(document(value).into());
    answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}
