//! A model's answers: written to clients, read from model servers.

use bytes::Bytes;
use sluicegate_core::{InferResponse, Kind, NonFinite, Outbound, Refusal};

use super::client::{EncodeError, Peer};
use super::parameters;
use super::tensor::Tensors;
use super::write::{self, Message, Pieces};
use crate::fault::{Fault, Read};
use crate::grpc::protobuf::{Fields, once};
use crate::{Limits, ReplyForm, grpc};

/// Writes a `ModelInferResponse`, always with raw contents, as Triton does.
pub(super) fn encode(response: &InferResponse, _: &ReplyForm, _: NonFinite) -> Result<Outbound, Refusal> {
    let framed = pieces(response).and_then(write::framed).map_err(refuse)?;
    Ok(grpc::answer(framed))
}

/// The message in pieces, without a frame.
pub(super) fn pieces(response: &InferResponse) -> Result<Pieces, EncodeError> {
    let message = Message {
        model_name: &response.model_name,
        model_version: response.model_version.as_deref(),
        id: response.id.as_deref(),
        parameters: &response.parameters,
        tensors: &response.outputs,
        outputs: &[],
        raw: 6,
    };
    message.pieces(&Peer::default())
}

/// What a client is told of an answer that cannot be written.
pub(super) fn refuse(error: EncodeError) -> Refusal {
    Refusal::new(Kind::UpstreamFault, "the model's answer has no form in gRPC").because(error.to_string())
}

/// Reads a `ModelInferResponse` with raw or typed contents.
pub(super) fn read(message: Bytes, limits: &Limits) -> Read<InferResponse> {
    let mut response = InferResponse::default();
    let mut tensors = Tensors::new("raw_output_contents");
    let (mut model, mut version, mut id) = (None, None, None);
    let mut unknown = limits.members;
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => once(&mut model, value.text(limits.name, "the model's name")?, "the model's name")?,
            2 => once(&mut version, value.text(limits.name, "the model's version")?, "the model's version")?,
            3 => once(&mut id, value.text(limits.name, "the id")?, "the id")?,
            4 => parameters::read(value.bytes()?, &mut response.parameters, limits)?,
            5 => tensors.describe(value.bytes()?, limits)?,
            6 => tensors.raw(value.bytes()?, limits)?,
            _ => unknown = unknown.checked_sub(1).ok_or_else(|| Fault::message("too many unknown fields"))?,
        }
    }
    response.model_name = model.unwrap_or_default();
    response.model_version = version.filter(|version| !version.is_empty());
    response.id = id.filter(|id| !id.is_empty());
    response.outputs = tensors.finish(limits)?;
    Ok(response)
}
