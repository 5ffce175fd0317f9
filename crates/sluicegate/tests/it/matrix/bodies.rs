//! Requests that curl and grpcurl send, and their answers as outputs by name.

use serde_json::{Map, Value, json};

use crate::support::root;

/// Inputs of a model: name, datatype, shape and values.
fn inputs(model: &str) -> Vec<(&'static str, &'static str, Vec<usize>, Vec<Value>)> {
    match model {
        "iris" => vec![("features", "FP32", vec![2, 4], values(&[5.1, 3.4, 1.5, 0.2, 6.3, 3.3, 6.0, 2.5]))],
        "digits" => {
            let path = root().join("examples/quickstart/models/expected.json");
            let known: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            let rows = known["digits"]["inputs"]["features"].as_array().unwrap();
            let flat = rows.iter().flat_map(|row| row.as_array().unwrap()).cloned().collect();
            vec![("features", "FP32", vec![rows.len(), 64], flat)]
        }
        "strings" => vec![("text", "BYTES", vec![3], vec![json!(""), json!("a\u{0}\"\\\n"), json!("grüße 🌍")])],
        "adder" => {
            let left = vec![json!(9_007_199_254_740_993_i64), json!(i64::MIN), json!(i64::MAX)];
            vec![("a", "INT64", vec![3], left), ("b", "INT64", vec![3], vec![json!(1), json!(0), json!(0)])]
        }
        "image" => {
            let pixel = |index: u32| json!(f64::from(index % 251) / 256.0);
            vec![("image", "FP32", vec![3, 112, 112], (0..3 * 112 * 112).map(pixel).collect())]
        }
        other => panic!("no request for {other}"),
    }
}

fn values(numbers: &[f64]) -> Vec<Value> {
    numbers.iter().map(|number| json!(number)).collect()
}

/// As the body of a REST request.
pub(super) fn rest(model: &str) -> Value {
    let input =
        |(name, datatype, shape, data)| json!({ "name": name, "datatype": datatype, "shape": shape, "data": data });
    json!({ "id": "curl", "inputs": inputs(model).into_iter().map(input).collect::<Vec<_>>() })
}

/// An output of a REST answer. Servers print FP32 with as many digits as they like.
pub(super) fn rest_output(output: &Value) -> (String, Value) {
    let mut flat = Vec::new();
    flatten(&output["data"], &mut flat);
    if output["datatype"] == "FP32" {
        flat = flat.iter().map(|value| json!(f64::from(single(value)))).collect();
    }
    let name = output["name"].as_str().unwrap().to_owned();
    (name, json!({ "datatype": output["datatype"], "shape": output["shape"], "data": flat }))
}

#[expect(clippy::cast_possible_truncation, reason = "the nearest FP32 is what is meant")]
fn single(value: &Value) -> f32 {
    value.as_f64().unwrap() as f32
}

fn flatten(value: &Value, out: &mut Vec<Value>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| flatten(value, out)),
        value => out.push(value.clone()),
    }
}

/// As the JSON form of a `ModelInferRequest` with typed contents.
pub(super) fn grpc(model: &str, name: &str) -> Value {
    let input = |(name, datatype, shape, data): (&str, &str, Vec<usize>, Vec<Value>)| {
        let (field, data) = match datatype {
            "FP32" => ("fp32_contents", data),
            "INT64" => ("int64_contents", data.iter().map(|value| json!(value.to_string())).collect()),
            _ => ("bytes_contents", data.iter().map(|text| json!(encode(text.as_str().unwrap().as_bytes()))).collect()),
        };
        json!({ "name": name, "datatype": datatype, "shape": shape, "contents": { field: data } })
    };
    let inputs: Vec<Value> = inputs(model).into_iter().map(input).collect();
    json!({ "model_name": name, "id": "grpcurl", "inputs": inputs })
}

/// The outputs of the JSON form of a `ModelInferResponse`, whichever contents it has.
pub(super) fn grpc_outputs(answer: &Value) -> Value {
    let mut outputs = Map::new();
    for (index, output) in answer["outputs"].as_array().unwrap().iter().enumerate() {
        let datatype = output["datatype"].as_str().unwrap();
        let raw = answer["rawOutputContents"].get(index).map(|raw| decode(raw.as_str().unwrap()));
        let contents = &output["contents"];
        let data: Vec<Value> = match (datatype, raw) {
            ("FP32", Some(raw)) => {
                raw.chunks(4).map(|four| json!(f32::from_le_bytes(four.try_into().unwrap()))).collect()
            }
            ("FP32", None) => array(&contents["fp32Contents"]).iter().map(|value| json!(single(value))).collect(),
            ("INT64", Some(raw)) => {
                raw.chunks(8).map(|eight| json!(i64::from_le_bytes(eight.try_into().unwrap()).to_string())).collect()
            }
            ("INT64", None) => array(&contents["int64Contents"]).to_vec(),
            ("BYTES", Some(raw)) => elements(&raw).iter().map(|element| json!(encode(element))).collect(),
            ("BYTES", None) => array(&contents["bytesContents"]).to_vec(),
            (other, _) => panic!("no model of these answers {other}"),
        };
        let shape = array(&output["shape"]);
        outputs.insert(
            output["name"].as_str().unwrap().to_owned(),
            json!({ "datatype": datatype, "shape": shape, "data": data }),
        );
    }
    Value::Object(outputs)
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The elements of BYTES as they are in raw contents.
pub(super) fn elements(mut raw: &[u8]) -> Vec<Vec<u8>> {
    let mut elements = Vec::new();
    while let Some((length, rest)) = raw.split_first_chunk::<4>() {
        let (element, rest) = rest.split_at(usize::try_from(u32::from_le_bytes(*length)).unwrap());
        elements.push(element.to_vec());
        raw = rest;
    }
    elements
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64, as protobuf's JSON has bytes.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let padded = [three[0], three.get(1).copied().unwrap_or(0), three.get(2).copied().unwrap_or(0)];
        let bits = u32::from_be_bytes([0, padded[0], padded[1], padded[2]]);
        for place in 0..4 {
            let letter = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap();
            text.push(if place > three.len() { '=' } else { char::from(LETTERS[letter]) });
        }
    }
    text
}

/// The same, read.
pub(super) fn decode(text: &str) -> Vec<u8> {
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let value = LETTERS.iter().position(|known| *known == letter).unwrap();
        bits = bits << 6 | u32::try_from(value).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count).to_le_bytes()[0]);
        }
    }
    bytes
}
