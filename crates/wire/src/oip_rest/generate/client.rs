//! Requests written for model servers that run a decoupled model this way alone, and their answers read. What a server
//! would understand otherwise than it is meant, or answer so that it cannot be told what it means, is not sent.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use sluicegate_core::{
    ASK_FINAL, Body, DataType, Fields, InferRequest, InferResponse, ModelMetadata, NonFinite, Parameter, Parameters,
    Tensor, TensorMetadata,
};

use super::super::client::DecodeError;
use super::super::parameters::NoNumber;
use super::super::tensor::Side;
use super::super::write::NoJson;
use super::super::{headers, parameters, tensor};
use super::{NESTED, fit, values};
use crate::Limits;
use crate::fault::{Fault, Read};
use crate::json::{Members, Reader, write};

/// Parameters that steer a server over `infer`, and are no more than words to a model here.
const STEERING: [&str; 5] = ["sequence_id", "sequence_start", "sequence_end", "priority", "timeout"];

/// Why a request has no form in this extension. Names the part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part}: {why}; this model's server runs it by values alone (generate_stream)")]
pub struct NoForm {
    part: String,
    why: String,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq)]
pub enum Generated {
    /// An answer, by the server's names.
    Answer(InferResponse),
    /// An error instead of one; others may follow.
    Error(String),
}

/// Writes a request of the model described.
///
/// # Errors
/// A part of the request, or of what will be answered, that this form cannot carry.
pub fn encode_generate(
    request: &InferRequest,
    metadata: &ModelMetadata,
    non_finite: NonFinite,
) -> Result<(Fields, Body), NoForm> {
    outputs(request, metadata)?;
    let mut json = vec![b'{'];
    if let Some(id) = &request.id {
        write::key("id", &mut json);
        write::string(id, &mut json);
    }
    for input in &request.inputs {
        let described = described(input, metadata)?;
        write::key(&described.name, &mut json);
        values::write(input, non_finite, &mut json).map_err(|why| no_json(input, why))?;
    }
    steering(&request.parameters, metadata)?;
    if !request.parameters.is_empty() {
        write::key(NESTED, &mut json);
        json.push(b'{');
        parameters::write(&request.parameters, |name| name != ASK_FINAL, &mut json)
            .map_err(|NoNumber(name)| NoForm::new(format!("parameter '{name}'"), NO_NUMBER))?;
        json.push(b'}');
    }
    json.push(b'}');
    let mut head = Fields::new();
    head.insert(CONTENT_TYPE, headers::JSON);
    head.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    Ok((head, json.into()))
}

/// What the model describes of an input, if the input's values alone say it.
fn described<'a>(input: &Tensor, metadata: &'a ModelMetadata) -> Result<&'a TensorMetadata, NoForm> {
    let refuse = |why: &str| Err(NoForm::tensor(&input.name, why));
    let Some(described) = metadata.inputs.iter().find(|described| described.name == input.name) else {
        return refuse("the model describes no such input");
    };
    if matches!(input.name.as_str(), "id" | NESTED) {
        return refuse("an input of this name has no place beside the request's own members");
    }
    if described.datatype != input.datatype() {
        return refuse("it has another datatype than the model describes");
    }
    if !input.parameters.is_empty() {
        return refuse("its parameters have no place");
    }
    // A server takes no values for none.
    if input.elements() == 0 || fit(&described.shape, input.elements()).as_deref() != Some(input.shape()) {
        return refuse("its shape is not the one that its values would be given");
    }
    Ok(described)
}

/// Whether it can be told from values alone what was answered, and whether that is what is asked for.
fn outputs(request: &InferRequest, metadata: &ModelMetadata) -> Result<(), NoForm> {
    if metadata.outputs.is_empty() {
        return Err(NoForm::new("the answer", "the server does not describe the model's outputs"));
    }
    for output in &metadata.outputs {
        if matches!(output.datatype, DataType::Fp16 | DataType::Bf16) {
            return Err(NoForm::tensor(&output.name, &format!("{} has no JSON form", output.datatype)));
        }
        if output.shape.iter().filter(|dimension| **dimension < 0).count() > 1 {
            return Err(NoForm::tensor(&output.name, "its shape could not be told from its values"));
        }
    }
    for wanted in &request.outputs {
        let part = || format!("output '{}'", wanted.name);
        if !metadata.outputs.iter().any(|output| output.name == wanted.name) {
            return Err(NoForm::new(part(), "the model describes no such output"));
        }
        if !wanted.parameters.is_empty() {
            return Err(NoForm::new(part(), "its parameters have no place"));
        }
    }
    Ok(())
}

/// Whether every parameter would be what it is meant to be.
fn steering(given: &Parameters, metadata: &ModelMetadata) -> Result<(), NoForm> {
    for (name, value) in given.iter() {
        let refuse = |why: &str| Err(NoForm::new(format!("parameter '{name}'"), why));
        let idle = match value {
            Parameter::Bool(value) => !value,
            Parameter::Int(value) => *value == 0,
            Parameter::Uint(value) => *value == 0,
            Parameter::String(value) => value.is_empty(),
            Parameter::Double(_) => false,
        };
        if STEERING.contains(&name) && !idle {
            return refuse("it would not be followed");
        }
        if matches!(value, Parameter::Uint(_)) {
            return refuse("the server would round it");
        }
        if matches!(value, Parameter::Double(value) if !value.is_finite()) {
            return refuse("it is no number in JSON");
        }
        if metadata.inputs.iter().any(|input| input.name == name) {
            return refuse("the server would take it for the input of that name");
        }
    }
    Ok(())
}

/// Reads the data of one event, of the model described. Of its outputs those that `wanted` names are kept, or all where it
/// names none.
///
/// # Errors
/// The data is no JSON object of values that the description fits.
pub fn decode_generated(
    data: &Bytes,
    metadata: &ModelMetadata,
    wanted: &[String],
    limits: &Limits,
) -> Result<Generated, DecodeError> {
    read(data, metadata, wanted, limits).map_err(DecodeError::from)
}

fn read(data: &[u8], metadata: &ModelMetadata, wanted: &[String], limits: &Limits) -> Read<Generated> {
    let mut reader = Reader::new(data, limits)?;
    let mut response = InferResponse::default();
    let mut error = None;
    let mut room = limits.elements;
    let mut members = Members::of(&["model_name", "model_version", "id", "error"]);
    reader.expect(b'{', "expected an answer, a JSON object")?;
    let mut first = true;
    while let Some(key) = reader.next_key(&mut first)? {
        let known = members.note(key.clone(), &reader)?;
        if let Some(described) = metadata.outputs.iter().find(|output| *output.name == *key) {
            let output = values::read(&mut reader, described, 1, &mut room)?;
            if wanted.is_empty() || wanted.contains(&output.name) {
                response.outputs.push(output);
            }
            continue;
        }
        match known {
            Some("model_name") => response.model_name = tensor::name(&mut reader)?.into_owned(),
            Some("model_version") => response.model_version = Some(tensor::name(&mut reader)?.into_owned()),
            Some("id") => response.id = Some(tensor::name(&mut reader)?.into_owned()),
            Some(_) => error = Some(reader.string()?.into_owned()),
            None => {
                if response.parameters.len() >= limits.parameters {
                    return Err(reader.fault("too many parameters"));
                }
                if let Some(value) = parameters::value(&mut reader, 2, Side::Backend)? {
                    response.parameters.set(key, value);
                }
            }
        }
    }
    reader.end()?;
    // In the order described, which is that of other protocols.
    let place = |output: &Tensor| metadata.outputs.iter().position(|described| described.name == output.name);
    response.outputs.sort_by_key(place);
    match error {
        Some(error) => Ok(Generated::Error(error)),
        None if response.model_name.is_empty() => Err(Fault::message("an event is neither an answer nor an error")),
        None => Ok(Generated::Answer(response)),
    }
}

/// Why a parameter has no form.
const NO_NUMBER: &str = "JSON has no number for NaN and the infinities";

fn no_json(input: &Tensor, why: NoJson) -> NoForm {
    let why = match why {
        NoJson::Datatype => format!("{} has no JSON form", input.datatype()),
        NoJson::NotFinite => "it holds NaN or an infinity, which this server takes in no form".to_owned(),
        NoJson::NotUtf8 => "a BYTES element is not UTF-8".to_owned(),
        NoJson::Parameter(name) => return NoForm::new(format!("parameter '{name}'"), NO_NUMBER),
    };
    NoForm::tensor(&input.name, &why)
}

impl NoForm {
    fn new(part: impl Into<String>, why: &str) -> Self {
        Self { part: part.into(), why: why.to_owned() }
    }

    fn tensor(name: &str, why: &str) -> Self {
        Self::new(format!("tensor '{name}'"), why)
    }
}
