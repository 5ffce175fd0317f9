//! Clients and servers that the gateway's own code did not write: messages made, and read, by other libraries.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};
use half::f16;
use prost::Message;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use sluicegate_core::{DataType, Fields, InferRequest, InferResponse, Parameter, Parameters, RequestedOutput, Tensor};
use sluicegate_wire::generated::inference::{
    InferParameter, InferTensorContents, ModelInferRequest, ModelInferResponse,
    infer_parameter::ParameterChoice,
    model_infer_request::{InferInputTensor, InferRequestedOutputTensor},
    model_infer_response::InferOutputTensor,
};

use crate::bytes_of::json_length;

/// Whether a client may send the tensor as JSON.
pub(crate) fn has_json(tensor: &Tensor) -> bool {
    match tensor.datatype() {
        DataType::Fp16 | DataType::Bf16 => false,
        DataType::Bytes => tensor.bytes_elements().all(|element| std::str::from_utf8(&element).is_ok()),
        _ => true,
    }
}

/// A request as a REST client writes it: tensors for which `as_json` is true as JSON, nested as their shape says where
/// `nested` is true, the others as binary data.
pub(crate) fn rest_request(request: &InferRequest, as_json: impl Fn(usize) -> bool, nested: bool) -> (Fields, Bytes) {
    let mut text = String::from("{");
    if let Some(id) = &request.id {
        write!(text, r#""id":{},"#, json!(id)).unwrap();
    }
    let parameters = Value::from(tree(&request.parameters, "binary_data_output"));
    write!(text, r#""parameters":{parameters},"inputs":["#).unwrap();
    let mut behind = BytesMut::new();
    for (index, input) in request.inputs.iter().enumerate() {
        let mut parameters = tree(&input.parameters, "binary_data_size");
        let data = if as_json(index) {
            format!(r#","data":{}"#, data(input, nested))
        } else {
            parameters.insert("binary_data_size".into(), json!(input.data().len()));
            behind.extend_from_slice(input.data());
            String::new()
        };
        let (name, datatype, shape) = (json!(input.name), input.datatype(), json!(input.shape()));
        let comma = if index > 0 { "," } else { "" };
        let head = format!(r#"{comma}{{"name":{name},"shape":{shape},"datatype":"{datatype}""#);
        write!(text, r#"{head},"parameters":{}{data}}}"#, Value::from(parameters)).unwrap();
    }
    let output = |output: &RequestedOutput| json!({ "name": output.name, "parameters": tree(&output.parameters, "binary_data") });
    write!(text, r#"],"outputs":{}}}"#, request.outputs.iter().map(output).collect::<Value>()).unwrap();
    let headers = json_length(&text.len().to_string());
    (headers, [text.as_bytes(), &behind].concat().into())
}

fn tree(parameters: &Parameters, except: &str) -> Map<String, Value> {
    let value = |value: &Parameter| match value {
        Parameter::Bool(value) => json!(value),
        Parameter::Int(value) => json!(value),
        Parameter::Uint(value) => json!(value),
        Parameter::Double(value) => json!(value),
        Parameter::String(value) => json!(value),
    };
    parameters.iter().filter(|(name, _)| *name != except).map(|(name, it)| (name.to_owned(), value(it))).collect()
}

fn data(tensor: &Tensor, nested: bool) -> String {
    let mut elements = texts(tensor).into_iter();
    match tensor.shape() {
        // Lists without number would have to be written of a shape that has no elements, but large dimensions.
        shape if nested && !shape.is_empty() && shape.iter().all(|dimension| *dimension < 10_000) => {
            nest(shape, &mut elements)
        }
        _ => format!("[{}]", elements.collect::<Vec<_>>().join(",")),
    }
}

fn nest(shape: &[u64], elements: &mut impl Iterator<Item = String>) -> String {
    let Some((first, rest)) = shape.split_first() else { return elements.next().unwrap() };
    let parts: Vec<String> = (0..*first).map(|_| nest(rest, elements)).collect();
    format!("[{}]", parts.join(","))
}

/// Each element as the standard library writes it.
fn texts(tensor: &Tensor) -> Vec<String> {
    fn each<const N: usize>(tensor: &Tensor, text: fn([u8; N]) -> String) -> Vec<String> {
        tensor.data().as_chunks::<N>().0.iter().map(|bytes| text(*bytes)).collect()
    }
    match tensor.datatype() {
        DataType::Bool => each(tensor, |[bit]| (bit == 1).to_string()),
        DataType::Int8 => each(tensor, |bytes| i8::from_le_bytes(bytes).to_string()),
        DataType::Int16 => each(tensor, |bytes| i16::from_le_bytes(bytes).to_string()),
        DataType::Int32 => each(tensor, |bytes| i32::from_le_bytes(bytes).to_string()),
        DataType::Int64 => each(tensor, |bytes| i64::from_le_bytes(bytes).to_string()),
        DataType::Uint8 => each(tensor, |bytes| u8::from_le_bytes(bytes).to_string()),
        DataType::Uint16 => each(tensor, |bytes| u16::from_le_bytes(bytes).to_string()),
        DataType::Uint32 => each(tensor, |bytes| u32::from_le_bytes(bytes).to_string()),
        DataType::Uint64 => each(tensor, |bytes| u64::from_le_bytes(bytes).to_string()),
        DataType::Fp16 => each(tensor, |bytes| number(f64::from(f16::from_le_bytes(bytes)))),
        // Python holds singles as doubles and writes all their digits.
        DataType::Fp32 => each(tensor, |bytes| number(f64::from(f32::from_le_bytes(bytes)))),
        DataType::Fp64 => each(tensor, |bytes| number(f64::from_le_bytes(bytes))),
        DataType::Bf16 => Vec::new(),
        DataType::Bytes => {
            tensor.bytes_elements().map(|element| json!(std::str::from_utf8(&element).unwrap()).to_string()).collect()
        }
    }
}

fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        value if value.is_infinite() => if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
        value => format!("{value:?}"),
    }
}

/// A request as a server reads it with another library.
#[derive(serde::Deserialize)]
struct Body<'a> {
    id: Option<String>,
    #[serde(borrow)]
    inputs: Vec<Input<'a>>,
}

#[derive(serde::Deserialize)]
struct Input<'a> {
    name: String,
    datatype: String,
    shape: Vec<u64>,
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
}

/// Whether a server that reads JSON with another library finds the request in it.
pub(crate) fn reads_the_same(body: &[u8], request: &InferRequest) -> bool {
    let body: Body<'_> = serde_json::from_slice(body).unwrap();
    body.id == request.id
        && body.inputs.len() == request.inputs.len()
        && body.inputs.iter().zip(&request.inputs).all(|(read, input)| {
            (&read.name, &*read.datatype, &read.shape[..]) == (&input.name, input.datatype().as_str(), input.shape())
                && elements(&read.data, input.datatype()) == *input.data()
        })
}

/// Each element as the standard library reads it.
fn elements(list: &[&RawValue], datatype: DataType) -> Vec<u8> {
    let mut data = Vec::new();
    for text in list.iter().map(|raw| raw.get()) {
        match datatype {
            DataType::Bool => data.push(u8::from(text.parse::<bool>().unwrap())),
            DataType::Uint8 => data.extend(text.parse::<u8>().unwrap().to_le_bytes()),
            DataType::Uint16 => data.extend(text.parse::<u16>().unwrap().to_le_bytes()),
            DataType::Uint32 => data.extend(text.parse::<u32>().unwrap().to_le_bytes()),
            DataType::Uint64 => data.extend(text.parse::<u64>().unwrap().to_le_bytes()),
            DataType::Int8 => data.extend(text.parse::<i8>().unwrap().to_le_bytes()),
            DataType::Int16 => data.extend(text.parse::<i16>().unwrap().to_le_bytes()),
            DataType::Int32 => data.extend(text.parse::<i32>().unwrap().to_le_bytes()),
            DataType::Int64 => data.extend(text.parse::<i64>().unwrap().to_le_bytes()),
            DataType::Fp16 | DataType::Bf16 => data.extend(f16::from_f64(text.parse().unwrap()).to_le_bytes()),
            DataType::Fp32 => data.extend(text.parse::<f32>().unwrap().to_le_bytes()),
            DataType::Fp64 => data.extend(text.parse::<f64>().unwrap().to_le_bytes()),
            DataType::Bytes => {
                let text: String = serde_json::from_str(text).unwrap();
                data.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
                data.extend(text.as_bytes());
            }
        }
    }
    data
}

/// A request as a client of generated code writes it, with typed contents.
pub(crate) fn typed_request(request: &InferRequest) -> Bytes {
    let inputs = request.inputs.iter().map(|tensor| InferInputTensor {
        name: tensor.name.clone(),
        datatype: tensor.datatype().as_str().into(),
        shape: tensor.shape().iter().map(|dimension| dimension.cast_signed()).collect(),
        parameters: seen(&tensor.parameters),
        contents: Some(typed(tensor)),
    });
    let outputs = request
        .outputs
        .iter()
        .map(|output| InferRequestedOutputTensor { name: output.name.clone(), parameters: seen(&output.parameters) });
    let message = ModelInferRequest {
        model_name: "m".into(),
        id: request.id.clone().unwrap_or_default(),
        parameters: seen(&request.parameters),
        inputs: inputs.collect(),
        outputs: outputs.collect(),
        ..ModelInferRequest::default()
    };
    message.encode_to_vec().into()
}

/// An answer as a server of generated code writes it, with typed contents.
pub(crate) fn typed_response(response: &InferResponse) -> Bytes {
    let outputs = response.outputs.iter().map(|tensor| InferOutputTensor {
        name: tensor.name.clone(),
        datatype: tensor.datatype().as_str().into(),
        shape: tensor.shape().iter().map(|dimension| dimension.cast_signed()).collect(),
        parameters: seen(&tensor.parameters),
        contents: Some(typed(tensor)),
    });
    let message = ModelInferResponse {
        model_name: response.model_name.clone(),
        model_version: response.model_version.clone().unwrap_or_default(),
        id: response.id.clone().unwrap_or_default(),
        parameters: seen(&response.parameters),
        outputs: outputs.collect(),
        ..ModelInferResponse::default()
    };
    message.encode_to_vec().into()
}

/// Parameters as generated code has them.
pub(crate) fn seen(parameters: &Parameters) -> BTreeMap<String, InferParameter> {
    let choice = |value: &Parameter| match value {
        Parameter::Bool(value) => ParameterChoice::BoolParam(*value),
        Parameter::Int(value) => ParameterChoice::Int64Param(*value),
        Parameter::Uint(value) => ParameterChoice::Uint64Param(*value),
        Parameter::Double(value) => ParameterChoice::DoubleParam(*value),
        Parameter::String(value) => ParameterChoice::StringParam(value.clone()),
    };
    let entry =
        |(name, value): (&str, &Parameter)| (name.to_owned(), InferParameter { parameter_choice: Some(choice(value)) });
    parameters.iter().map(entry).collect()
}

/// The typed form of a tensor; of FP16 and BF16, which have none, nothing.
pub(crate) fn typed(tensor: &Tensor) -> InferTensorContents {
    fn values<T, const N: usize>(tensor: &Tensor, from: fn([u8; N]) -> T) -> Vec<T> {
        tensor.data().as_chunks::<N>().0.iter().map(|bytes| from(*bytes)).collect()
    }
    let mut contents = InferTensorContents::default();
    match tensor.datatype() {
        DataType::Bool => contents.bool_contents = tensor.data().iter().map(|byte| *byte == 1).collect(),
        DataType::Int8 => contents.int_contents = values(tensor, |bytes| i32::from(i8::from_le_bytes(bytes))),
        DataType::Int16 => contents.int_contents = values(tensor, |bytes| i32::from(i16::from_le_bytes(bytes))),
        DataType::Int32 => contents.int_contents = values(tensor, i32::from_le_bytes),
        DataType::Int64 => contents.int64_contents = values(tensor, i64::from_le_bytes),
        DataType::Uint8 => contents.uint_contents = values(tensor, |bytes| u32::from(u8::from_le_bytes(bytes))),
        DataType::Uint16 => contents.uint_contents = values(tensor, |bytes| u32::from(u16::from_le_bytes(bytes))),
        DataType::Uint32 => contents.uint_contents = values(tensor, u32::from_le_bytes),
        DataType::Uint64 => contents.uint64_contents = values(tensor, u64::from_le_bytes),
        DataType::Fp32 => contents.fp32_contents = values(tensor, f32::from_le_bytes),
        DataType::Fp64 => contents.fp64_contents = values(tensor, f64::from_le_bytes),
        DataType::Bytes => contents.bytes_contents = tensor.bytes_elements().collect(),
        DataType::Fp16 | DataType::Bf16 => {}
    }
    contents
}
