//! Descriptions of models and of the server, written strictly and read leniently.

use http::StatusCode;
use serde_json::{Map, Value, json};
use sluicegate_core::{DataType, Introduction, Listed, ModelMetadata, Outbound, TensorMetadata};

use super::answer;
use super::client::DecodeError;
use crate::document;
use crate::extensions::EXTENSIONS;

/// Writes a model's description.
pub(super) fn encode_model(metadata: &ModelMetadata) -> Outbound {
    let tensors = |list: &[TensorMetadata]| -> Vec<Value> {
        list.iter()
            .map(|tensor| json!({ "name": tensor.name, "datatype": tensor.datatype.as_str(), "shape": tensor.shape }))
            .collect()
    };
    let mut object = Map::new();
    object.insert("name".into(), metadata.name.as_str().into());
    if !metadata.versions.is_empty() {
        object.insert("versions".into(), metadata.versions.clone().into());
    }
    object.insert("platform".into(), metadata.platform.as_str().into());
    object.insert("inputs".into(), tensors(&metadata.inputs).into());
    object.insert("outputs".into(), tensors(&metadata.outputs).into());
    if !metadata.properties.is_empty() {
        let properties = metadata.properties.iter().map(|(key, value)| (key.clone(), value.as_str().into()));
        object.insert("properties".into(), Value::Object(properties.collect()));
    }
    answer::json(StatusCode::OK, document(Value::Object(object)))
}

/// Writes the gateway's description.
pub(super) fn encode_server(version: &str) -> Outbound {
    let body = json!({ "name": "sluicegate", "version": version, "extensions": EXTENSIONS });
    answer::json(StatusCode::OK, document(body))
}

/// Reads a model's description. What a server leaves out or writes as `null` is empty.
pub(super) fn decode_model(body: &[u8]) -> Result<ModelMetadata, DecodeError> {
    let object = object(body)?;
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let properties = object.get("properties").and_then(Value::as_object).into_iter().flatten();
    Ok(ModelMetadata {
        name: text("name"),
        versions: strings(object.get("versions")),
        platform: text("platform"),
        inputs: tensors(object.get("inputs")),
        outputs: tensors(object.get("outputs")),
        properties: properties.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect(),
    })
}

/// Reads the extensions a server says it has.
pub(super) fn decode_extensions(body: &[u8]) -> Result<Vec<String>, DecodeError> {
    Ok(strings(object(body)?.get("extensions")))
}

/// Reads what a server says of itself.
pub(super) fn decode_server(body: &[u8]) -> Result<Introduction, DecodeError> {
    let object = object(body)?;
    let words: Vec<&str> = ["name", "version"].iter().filter_map(|key| object.get(*key)?.as_str()).collect();
    let software = words.join(" ").trim().to_owned();
    Ok(Introduction {
        software: (!software.is_empty()).then_some(software),
        extensions: strings(object.get("extensions")),
        ..Introduction::default()
    })
}

/// Reads a server's list of models. What is no entry of it is passed over.
pub(super) fn decode_index(body: &[u8]) -> Option<Vec<Listed>> {
    let Ok(Value::Array(entries)) = serde_json::from_slice(body) else { return None };
    let listed = |entry: &Value| {
        let text = |key: &str| {
            let text = match entry.get(key)? {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => return None,
            };
            (!text.is_empty()).then_some(text)
        };
        Some(Listed { name: text("name")?, version: text("version"), state: text("state"), reason: text("reason") })
    };
    Some(entries.iter().filter_map(listed).collect())
}

fn object(body: &[u8]) -> Result<Map<String, Value>, DecodeError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(DecodeError::new("the description is not a JSON object")),
        Err(error) => Err(DecodeError::new(format!(
            "the description is not JSON (line {}, column {})",
            error.line(),
            error.column()
        ))),
    }
}

/// A list's strings. Versions that a server writes as numbers count too.
fn strings(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items
        .filter_map(|item| match item {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
        .collect()
}

/// A list of tensors. One that cannot be read makes the list say nothing: half a list would refuse good requests.
fn tensors(list: Option<&Value>) -> Vec<TensorMetadata> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.map(tensor).collect::<Option<_>>().unwrap_or_default()
}

fn tensor(item: &Value) -> Option<TensorMetadata> {
    let shape = item.get("shape")?.as_array()?;
    Some(TensorMetadata {
        name: item.get("name")?.as_str()?.to_owned(),
        datatype: DataType::parse(item.get("datatype")?.as_str()?)?,
        shape: shape
            .iter()
            .map(|dimension| dimension.as_i64().filter(|length| *length >= -1))
            .collect::<Option<_>>()?,
    })
}
