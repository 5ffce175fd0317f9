//! Requests to run a model: read from clients, written to model servers.

use std::collections::HashSet;

use bytes::Bytes;
use sluicegate_core::{BackendModel, InferRequest, ModelMetadata, Parameters, Refusal, RequestedOutput};

use super::client::{EncodeError, Peer};
use super::parameters;
use super::tensor::Tensors;
use super::write::{self, Message};
use crate::fault::{Fault, Read};
use crate::grpc::protobuf::{Fields, once};
use crate::{Limits, ReplyForm};

/// Reads a `ModelInferRequest`. The model it names was read before, by `names`.
pub(super) fn decode(
    _: &sluicegate_core::Fields,
    message: Bytes,
    _: Option<&ModelMetadata>,
    limits: &Limits,
) -> Result<(InferRequest, ReplyForm), Refusal> {
    Ok((read(message, limits)?, ReplyForm::default()))
}

fn read(message: Bytes, limits: &Limits) -> Read<InferRequest> {
    let mut request = InferRequest::default();
    let mut tensors = Tensors::new("raw_input_contents");
    let (mut model, mut version, mut id) = (None, None, None);
    let mut unknown = limits.members;
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => once(&mut model, value.text(limits.name, "the model's name")?, "the model's name")?,
            2 => once(&mut version, value.text(limits.name, "the model's version")?, "the model's version")?,
            3 => once(&mut id, value.text(limits.name, "the id")?, "the id")?,
            4 => parameters::read(value.bytes()?, &mut request.parameters, limits)?,
            5 => tensors.describe(value.bytes()?, limits)?,
            6 if request.outputs.len() >= limits.tensors => return Err(Fault::message("too many outputs")),
            6 => request.outputs.push(output(value.bytes()?, limits)?),
            7 => tensors.raw(value.bytes()?, limits)?,
            _ => unknown = unknown.checked_sub(1).ok_or_else(|| Fault::message("too many unknown fields"))?,
        }
    }
    let mut names = HashSet::new();
    if let Some(twice) = request.outputs.iter().find(|output| !names.insert(output.name.as_str())) {
        return Err(Fault::tensor(format_args!("output '{}'", twice.name), "it is asked for twice"));
    }
    request.id = id.filter(|id| !id.is_empty());
    request.inputs = tensors.finish(limits)?;
    Ok(request)
}

fn output(message: Bytes, limits: &Limits) -> Read<RequestedOutput> {
    let mut name = None;
    let mut parameters = Parameters::new();
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => once(&mut name, value.text(limits.name, "an output's name")?, "an output's name")?,
            2 => parameters::read(value.bytes()?, &mut parameters, limits)?,
            _ => {}
        }
    }
    let name = name.ok_or_else(|| Fault::message("an output has no name"))?;
    if parameters::ask_shared_memory(&parameters) {
        let label = format!("output '{name}'");
        return Err(Fault::tensor(label, "shared memory does not reach through a gateway"));
    }
    Ok(RequestedOutput { name, parameters })
}

/// Writes a framed `ModelInferRequest`.
pub(super) fn encode(request: &InferRequest, model: &BackendModel, peer: &Peer) -> Result<Vec<Bytes>, EncodeError> {
    let message = Message {
        model_name: &model.name,
        model_version: model.version.as_deref(),
        id: request.id.as_deref(),
        parameters: &request.parameters,
        tensors: &request.inputs,
        outputs: &request.outputs,
        raw: 7,
    };
    write::framed(message.pieces(peer)?)
}
