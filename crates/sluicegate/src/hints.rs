//! Requests to try a model with, made from what its metadata says.

use std::net::SocketAddr;

use serde::Serialize;
use serde_json::{Map, Value, json};
use sluicegate_core::ModelMetadata;

use crate::json::{at, sorted};

/// Elements above which no example is written out.
const MOST_ELEMENTS: u64 = 256;

/// A request to run a model, its parts in the order in which people write them.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Request {
    inputs: Vec<Input>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Input {
    name: String,
    shape: Vec<u64>,
    datatype: String,
    data: Vec<Value>,
}

/// What is said to a model that chats when nothing else is.
pub(crate) const GREETING: &str = "Hello!";

/// Where models chat.
pub(crate) const CHAT_PATH: &str = "/v1/chat/completions";

/// The path of a model that speaks the OpenAI API.
pub(crate) fn chat_model_path(model: &str) -> String {
    format!("/v1/models/{}", escape(model))
}

/// A `curl` line that chats with the model.
pub(crate) fn chat_curl(base: &str, model: &str) -> String {
    let body = sorted(json!({ "model": model, "messages": [{ "role": "user", "content": GREETING }] }));
    format!("curl -s {base}{CHAT_PATH} -d '{}'", body.to_string().replace('\'', "'\\''"))
}

/// The path of a model, or of one version of it.
pub(crate) fn model_path(model: &str, version: Option<&str>) -> String {
    let model = escape(model);
    version.map_or_else(
        || format!("/v2/models/{model}"),
        |version| format!("/v2/models/{model}/versions/{}", escape(version)),
    )
}

fn escape(segment: &str) -> String {
    let mut text = String::new();
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@:".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// An address one can connect to, for a listener bound to all of a machine's.
pub(crate) fn reachable(address: &str) -> String {
    match address.parse::<SocketAddr>() {
        Ok(bound) if bound.ip().is_unspecified() => format!("127.0.0.1:{}", bound.port()),
        Ok(_) | Err(_) => address.to_owned(),
    }
}

/// A model's description in the words of the protocol, as far as an example needs them.
pub(crate) fn as_json(metadata: &ModelMetadata) -> Value {
    let inputs = metadata
        .inputs
        .iter()
        .map(|input| json!({ "name": input.name, "datatype": input.datatype.as_str(), "shape": input.shape }));
    let properties: Map<String, Value> =
        metadata.properties.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
    json!({ "name": metadata.name, "inputs": inputs.collect::<Vec<_>>(), "properties": properties })
}

/// A `curl` line that calls the model, if its inputs are known.
pub(crate) fn curl(base: &str, metadata: &Value) -> Option<String> {
    let body = serde_json::to_string(&example_request(metadata)?).ok()?.replace('\'', "'\\''");
    let path = model_path(at(metadata, "/name").as_str()?, None);
    Some(format!("curl -s {base}{path}/infer -d '{body}'"))
}

/// A request with the example the model's file carries (property `example_input`), or with zeros.
pub(crate) fn example_request(metadata: &Value) -> Option<Request> {
    let example = at(metadata, "/properties/example_input").as_str();
    let example: Map<String, Value> = example.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let inputs = at(metadata, "/inputs").as_array().filter(|inputs| !inputs.is_empty())?;
    let inputs: Option<Vec<Input>> = inputs
        .iter()
        .map(|input| {
            let name = at(input, "/name").as_str()?;
            match example.get(name) {
                Some(data) => tensor(input, data.clone()),
                None => zeros(input),
            }
        })
        .collect();
    Some(Request { inputs: inputs? })
}

/// A request with `data` for the model's only input.
pub(crate) fn request_with(metadata: &Value, data: Value) -> Option<Request> {
    match at(metadata, "/inputs").as_array()?.as_slice() {
        [input] => Some(Request { inputs: vec![tensor(input, data)?] }),
        _ => None,
    }
}

/// `data` as the input's tensor; a dimension that may have any length takes what there is.
fn tensor(input: &Value, data: Value) -> Option<Input> {
    let mut flat = Vec::new();
    flatten(data, &mut flat);
    let declared: Vec<i64> = at(input, "/shape").as_array()?.iter().filter_map(Value::as_i64).collect();
    let known: u64 = declared.iter().filter_map(|length| u64::try_from(*length).ok()).product();
    let mut open = (flat.len() as u64).checked_div(known)?;
    let shape: Vec<u64> = declared
        .iter()
        .map(|length| u64::try_from(*length).unwrap_or_else(|_| std::mem::replace(&mut open, 1)))
        .collect();
    let text = |key: &str| at(input, key).as_str().map(str::to_owned);
    Some(Input { name: text("/name")?, shape, datatype: text("/datatype")?, data: flat })
}

fn zeros(input: &Value) -> Option<Input> {
    let zero = match at(input, "/datatype").as_str()? {
        "BYTES" => json!(""),
        "BOOL" => json!(false),
        // These have no JSON form.
        "FP16" | "BF16" => return None,
        _ => json!(0),
    };
    let shape = at(input, "/shape").as_array()?.iter().map(|length| u64::try_from(length.as_i64()?).ok().or(Some(1)));
    let elements =
        shape.collect::<Option<Vec<u64>>>()?.iter().try_fold(1_u64, |all, length| all.checked_mul(*length))?;
    if elements > MOST_ELEMENTS {
        return None;
    }
    tensor(input, Value::Array(vec![zero; usize::try_from(elements).ok()?]))
}

fn flatten(value: Value, flat: &mut Vec<Value>) {
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        match value {
            Value::Array(items) => left.extend(items.into_iter().rev()),
            other => flat.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{curl, model_path, reachable, request_with};

    #[test]
    fn example_of_the_file_is_used() {
        let metadata = json!({
            "name": "iris",
            "inputs": [{ "name": "features", "datatype": "FP32", "shape": [-1, 4] }],
            "properties": { "example_input": "{\"features\": [[5.1, 3.5, 1.4, 0.2]]}" },
        });
        let line = curl("http://127.0.0.1:8080", &metadata).unwrap();
        assert!(line.starts_with("curl -s http://127.0.0.1:8080/v2/models/iris/infer -d '{"), "{line}");
        assert!(line.contains("\"shape\":[1,4]") && line.contains("[5.1,3.5,1.4,0.2]"), "{line}");
    }

    #[test]
    fn zeros_stand_in_for_an_example() {
        let metadata = json!({ "name": "m", "inputs": [{ "name": "x", "datatype": "BYTES", "shape": [-1, 2] }] });
        assert!(curl("http://h", &metadata).unwrap().contains("\"data\":[\"\",\"\"]"));
        let unknown = json!({ "name": "m", "inputs": [] });
        assert_eq!(curl("http://h", &unknown), None);
    }

    #[test]
    fn rows_are_counted() {
        let metadata = json!({ "inputs": [{ "name": "x", "datatype": "FP32", "shape": [-1, 2] }] });
        let request = request_with(&metadata, json!([[1, 2], [3, 4], [5, 6]])).unwrap();
        assert_eq!(request.inputs[0].shape, [3, 2]);
    }

    #[test]
    fn paths_and_addresses() {
        assert_eq!(model_path("a b/c", Some("1")), "/v2/models/a%20b%2Fc/versions/1");
        assert_eq!(reachable("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(reachable("[::1]:80"), "[::1]:80");
    }
}
