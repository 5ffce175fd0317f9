//! Descriptions of models and of the server, written strictly and read leniently.

use bytes::Bytes;
use sluicegate_core::{DataType, ModelMetadata, Outbound, Parameter, Parameters, TensorMetadata};

use super::parameters;
use crate::extensions::EXTENSIONS;
use crate::fault::{Fault, Read};
use crate::generated::inference::{
    ModelMetadataResponse, ServerMetadataResponse, model_metadata_response::TensorMetadata as Described,
};
use crate::grpc::protobuf::{Fields, Value, varint};
use crate::{Limits, grpc};

/// Writes a model's description.
pub(super) fn encode_model(metadata: &ModelMetadata) -> Outbound {
    let tensors = |list: &[TensorMetadata]| -> Vec<Described> {
        list.iter()
            .map(|tensor| Described {
                name: tensor.name.clone(),
                datatype: tensor.datatype.as_str().to_owned(),
                shape: tensor.shape.clone(),
            })
            .collect()
    };
    grpc::short_answer(&ModelMetadataResponse {
        name: metadata.name.clone(),
        versions: metadata.versions.clone(),
        platform: metadata.platform.clone(),
        inputs: tensors(&metadata.inputs),
        outputs: tensors(&metadata.outputs),
        properties: metadata.properties.iter().cloned().collect(),
    })
}

/// Writes the gateway's description.
pub(super) fn encode_server(version: &str) -> Outbound {
    grpc::short_answer(&ServerMetadataResponse {
        name: "sluicegate".to_owned(),
        version: version.to_owned(),
        extensions: EXTENSIONS.map(str::to_owned).to_vec(),
    })
}

/// Reads a model's description.
pub(super) fn read_model(message: Bytes, limits: &Limits) -> Read<ModelMetadata> {
    let mut metadata = ModelMetadata::default();
    let (mut inputs, mut outputs) = (Some(Vec::new()), Some(Vec::new()));
    let mut left = limits.members;
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next()? {
        left = left.checked_sub(1).ok_or_else(|| Fault::message("the description has too many fields"))?;
        match number {
            1 => metadata.name = value.text(limits.name, "the model's name")?,
            2 => metadata.versions.push(value.text(limits.name, "a version")?),
            3 => metadata.platform = value.text(limits.name, "the platform")?,
            4 => add(&mut inputs, tensor(value.bytes()?, limits)?),
            5 => add(&mut outputs, tensor(value.bytes()?, limits)?),
            6 => metadata.properties.extend(property(value.bytes()?, limits)?),
            _ => {}
        }
    }
    metadata.inputs = inputs.unwrap_or_default();
    metadata.outputs = outputs.unwrap_or_default();
    Ok(metadata)
}

/// One tensor that cannot be used makes the list say nothing: half a list would refuse good requests.
fn add(list: &mut Option<Vec<TensorMetadata>>, tensor: Option<TensorMetadata>) {
    match (list.as_mut(), tensor) {
        (Some(list), Some(tensor)) => list.push(tensor),
        _ => *list = None,
    }
}

/// A tensor's description. MLServer's has parameters besides, which nothing here uses.
fn tensor(message: Bytes, limits: &Limits) -> Read<Option<TensorMetadata>> {
    let (mut name, mut datatype) = (String::new(), None);
    let mut shape = Vec::new();
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, value) => name = value.text(limits.name, "a tensor's name")?,
            (2, value) => datatype = DataType::parse(&value.text(limits.name, "a datatype")?),
            (3, Value::Varint(dimension)) => shape.push(dimension.cast_signed()),
            (3, Value::Bytes(packed)) => {
                let mut rest: &[u8] = &packed;
                while let (Some((dimension, length)), true) = (varint(rest), shape.len() < limits.dimensions) {
                    shape.push(dimension.cast_signed());
                    rest = rest.get(length..).unwrap_or_default();
                }
            }
            _ => {}
        }
    }
    let usable = shape.len() <= limits.dimensions && shape.iter().all(|dimension| *dimension >= -1);
    Ok(datatype.filter(|_| usable).map(|datatype| TensorMetadata { name, datatype, shape }))
}

/// An entry of field 6. In the protocol it is a map to strings; MLServer has a map to parameters under the same number.
/// The two cannot be mistaken for each other: a parameter of the kinds MLServer has begins with a control character.
fn property(entry: Bytes, limits: &Limits) -> Read<Option<(String, String)>> {
    let mut fields = Fields::of(entry.clone());
    let (mut key, mut value) = (String::new(), Bytes::new());
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => key = field.text(limits.name, "a property's name")?,
            2 => value = field.bytes()?,
            _ => {}
        }
    }
    if value.first().is_none_or(|first| !matches!(first, 0x08 | 0x10 | 0x1A)) {
        return Ok(std::str::from_utf8(&value).ok().map(|text| (key, text.to_owned())));
    }
    let mut parameters = Parameters::new();
    let read = parameters::read(entry, &mut parameters, limits);
    let text = match (read, parameters.get(&key)) {
        (Ok(()), Some(Parameter::String(text))) => Some(text.clone()),
        (Ok(()), Some(Parameter::Int(number))) => Some(number.to_string()),
        (Ok(()), Some(Parameter::Bool(truth))) => Some(truth.to_string()),
        _ => None,
    };
    Ok(text.map(|text| (key, text)))
}
