//! Triton's calls that manage a server: between messages and the JSON of its REST extensions, which says the same in
//! other shapes. Both ways go over the messages' own JSON, so that the descriptors alone know the fields.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value, json};
use sluicegate_core::{Kind, Management, Order, Outbound, Refusal};

use super::client::DecodeError;
use super::facts::{from_json, to_json};
use super::rpc::SERVICE;
use crate::document;
use crate::grpc::{self, frame};

type Object = Map<String, Value>;

/// Calls and what they do.
const CALLS: [(&str, Management); 10] = [
    ("RepositoryModelLoad", Management::Load),
    ("RepositoryModelUnload", Management::Unload),
    ("TraceSetting", Management::Trace),
    ("LogSettings", Management::Log),
    ("SystemSharedMemoryStatus", Management::SystemMemoryStatus),
    ("SystemSharedMemoryRegister", Management::SystemMemoryRegister),
    ("SystemSharedMemoryUnregister", Management::SystemMemoryUnregister),
    ("CudaSharedMemoryStatus", Management::CudaMemoryStatus),
    ("CudaSharedMemoryRegister", Management::CudaMemoryRegister),
    ("CudaSharedMemoryUnregister", Management::CudaMemoryUnregister),
];

/// Reads a client's call.
pub(super) fn decode(_: &Method, path: &str, message: &Bytes) -> Result<Order, Refusal> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let known = CALLS.iter().find(|(call, _)| *call == name);
    let (call, what) = known.ok_or_else(|| Refusal::new(Kind::NoSuchPath, "no such call"))?;
    let bad = |error: DecodeError| Refusal::new(Kind::BadRequest, error.to_string());
    let mut object = read(&format!("inference.{call}Request"), message).map_err(bad)?;
    if !text(&mut object, "repository_name").is_empty() {
        return Err(Refusal::new(Kind::BadRequest, NO_REPOSITORIES));
    }
    let named = |name: String| if name.is_empty() { None } else { Some(Arc::from(name)) };
    let model = named(text(&mut object, "model_name"));
    if matches!(what, Management::Load | Management::Unload) && model.is_none() {
        return Err(Refusal::new(Kind::BadRequest, "the message names no model"));
    }
    let region = named(text(&mut object, "name"));
    let body = unpack(*what, object);
    let body = if body.is_empty() { Bytes::new() } else { document(Value::Object(body)).into() };
    Ok(Order { what: *what, model, region, body })
}

/// Said of a call that names a repository.
pub(crate) const NO_REPOSITORIES: &str = "repositories are not told apart here: leave the repository's name out";

/// Writes what a server answered.
pub(super) fn encode(what: Management, json: Bytes) -> Result<Outbound, Refusal> {
    let message = answer(what, &json).map_err(|error| {
        Refusal::new(Kind::UpstreamFault, "what the backend tells has no form in gRPC").because(error.to_string())
    })?;
    Ok(grpc::answer([frame::whole(&message)?]))
}

fn answer(what: Management, json: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let told: Value = match what {
        Management::Trace => json!({ "settings": settings(parse(json)?, listed)? }),
        Management::Log => json!({ "settings": settings(parse(json)?, log_setting)? }),
        Management::SystemMemoryStatus | Management::CudaMemoryStatus => {
            let list: Vec<Object> =
                serde_json::from_slice(json).map_err(|_| DecodeError::new("not a list of regions"))?;
            let name = |region: &Object| region.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let regions: Object = list.into_iter().map(|region| (name(&region), Value::Object(region))).collect();
            json!({ "regions": regions })
        }
        _ => return Ok(Vec::new()),
    };
    from_json(&format!("inference.{}Response", call(what)), told.to_string().as_bytes())
}

/// Path and message of a call to a server.
pub(super) fn question(order: &Order) -> Result<(String, Vec<u8>), DecodeError> {
    let call = call(order.what);
    let mut object = pack(order.what, parse(&order.body)?)?;
    if let Some(model) = &order.model {
        object.insert("model_name".to_owned(), json!(&**model));
    }
    if let Some(region) = &order.region {
        object.insert("name".to_owned(), json!(&**region));
    }
    let message = from_json(&format!("inference.{call}Request"), Value::Object(object).to_string().as_bytes())?;
    Ok((format!("/{SERVICE}/{call}"), message))
}

/// Reads a server's answer; empty where the answer says nothing.
pub(super) fn told(what: Management, message: &[u8]) -> Result<Bytes, DecodeError> {
    let mut object = match what {
        Management::Trace | Management::Log | Management::SystemMemoryStatus | Management::CudaMemoryStatus => {
            read(&format!("inference.{}Response", call(what)), message)?
        }
        _ => return Ok(Bytes::new()),
    };
    let told = match what {
        Management::Trace | Management::Log => Value::Object(unpack(what, object)),
        _ => {
            // The message has them in no order.
            let mut regions = inner(&mut object, "regions");
            regions.sort_keys();
            Value::Array(regions.into_iter().map(|(_, region)| region).collect())
        }
    };
    Ok(document(told).into())
}

fn call(what: Management) -> &'static str {
    CALLS.iter().find(|(_, known)| *known == what).map_or("", |(call, _)| call)
}

/// From the shape of REST to that of the message.
fn pack(what: Management, mut body: Object) -> Result<Object, DecodeError> {
    let mut packed = Object::new();
    match what {
        Management::Load | Management::Unload => {
            packed.insert("parameters".to_owned(), settings(inner(&mut body, "parameters"), parameter)?.into());
        }
        Management::Trace => drop(packed.insert("settings".to_owned(), settings(body, listed)?.into())),
        Management::Log => drop(packed.insert("settings".to_owned(), settings(body, log_setting)?.into())),
        Management::CudaMemoryRegister => {
            let handle = inner(&mut body, "raw_handle").remove("b64").unwrap_or_default();
            packed = body;
            packed.insert("raw_handle".to_owned(), handle);
        }
        _ => packed = body,
    }
    Ok(packed)
}

/// From the shape of the message to that of REST.
fn unpack(what: Management, mut object: Object) -> Object {
    let each = |inside: Object, of: fn(&str, Value) -> Value| -> Object {
        inside.into_iter().map(|(key, value)| (key.clone(), of(&key, value))).collect()
    };
    // The one member of a choice, whatever its kind.
    let chosen = |_: &str, value: Value| match value {
        Value::Object(choice) => choice.into_iter().next().map_or(Value::Null, |(_, value)| value),
        other => other,
    };
    match what {
        Management::Load | Management::Unload => {
            let parameters = each(inner(&mut object, "parameters"), chosen);
            if parameters.is_empty() {
                Object::new()
            } else {
                [("parameters".to_owned(), parameters.into())].into_iter().collect()
            }
        }
        Management::Trace => each(inner(&mut object, "settings"), unlisted),
        Management::Log => each(inner(&mut object, "settings"), chosen),
        Management::CudaMemoryRegister => {
            let handle = object.remove("raw_handle").unwrap_or_default();
            object.insert("raw_handle".to_owned(), json!({ "b64": handle }));
            object
        }
        Management::SystemMemoryRegister => object,
        _ => Object::new(),
    }
}

fn settings(body: Object, of: fn(&str, Value) -> Option<Value>) -> Result<Object, DecodeError> {
    let wrap = |(key, value): (String, Value)| {
        let wrapped = of(&key, value)
            .ok_or_else(|| DecodeError::new("a setting or parameter has a value that gRPC has no form for"));
        wrapped.map(|value| (key, value))
    };
    body.into_iter().map(wrap).collect()
}

/// A parameter of a repository; files are bytes, which REST has as base64.
fn parameter(key: &str, value: Value) -> Option<Value> {
    match value {
        Value::Bool(_) => Some(json!({ "bool_param": value })),
        Value::Number(_) if value.is_i64() => Some(json!({ "int64_param": value })),
        Value::String(_) if key.starts_with("file:") => Some(json!({ "bytes_param": value })),
        Value::String(_) => Some(json!({ "string_param": value })),
        _ => None,
    }
}

fn log_setting(_: &str, value: Value) -> Option<Value> {
    match value {
        Value::Bool(_) => Some(json!({ "bool_param": value })),
        Value::Number(_) if value.as_u64().is_some_and(|number| u32::try_from(number).is_ok()) => {
            Some(json!({ "uint32_param": value }))
        }
        Value::String(_) => Some(json!({ "string_param": value })),
        _ => None,
    }
}

/// Texts, however they are given; `null` is none, which clears a setting.
fn listed(_: &str, value: Value) -> Option<Value> {
    let text = |value: Value| match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    };
    let texts: Option<Vec<String>> = match value {
        Value::Null => Some(Vec::new()),
        Value::Array(items) => items.into_iter().map(text).collect(),
        other => text(other).map(|text| vec![text]),
    };
    Some(json!({ "value": texts? }))
}

/// As Triton writes them: levels are a list, everything else one text, and what is cleared `null`.
fn unlisted(key: &str, mut value: Value) -> Value {
    let items = value.get_mut("value").map(Value::take).unwrap_or_default();
    match items {
        Value::Array(mut items) if items.len() <= 1 && key != "trace_level" => items.pop().unwrap_or_default(),
        Value::Array(items) if items.is_empty() => Value::Null,
        other => other,
    }
}

fn read(name: &str, message: &[u8]) -> Result<Object, DecodeError> {
    parse(&to_json(name, message)?)
}

fn parse(json: &[u8]) -> Result<Object, DecodeError> {
    if json.is_empty() {
        return Ok(Object::new());
    }
    serde_json::from_slice(json).map_err(|_| DecodeError::new("expected a JSON object"))
}

fn inner(object: &mut Object, key: &str) -> Object {
    match object.remove(key) {
        Some(Value::Object(inner)) => inner,
        _ => Object::new(),
    }
}

fn text(object: &mut Object, key: &str) -> String {
    match object.remove(key) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}
