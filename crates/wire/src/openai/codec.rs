//! The protocol as a row of the table. It runs no model by tensors: requests pass to backends that speak it too.

use bytes::Bytes;
use http::Method;
use sluicegate_core::{
    Asked, Fact, Fields, InferRequest, InferResponse, Kind, ModelMetadata, NonFinite, Operation, Outbound, Protocol,
    Refusal,
};

use super::{Head, LIMITS, Path, error, models, path};
use crate::oip_rest::is_identity;
use crate::{Codec, IndexEntry, Limits, ReplyForm};

/// The protocol as the gateway speaks it to its clients.
pub const CODEC: Codec = Codec {
    protocol: Protocol::OpenAi,
    ask,
    open,
    name_in_body: None,
    generative: Some(|headers, message| Head::read(headers, message, &LIMITS)),
    needs_metadata: |_| false,
    decode_infer,
    encode_infer,
    pass: None,
    stream: None,
    generate: None,
    encode_model_metadata: |metadata: &ModelMetadata| models::model(&metadata.name),
    encode_model_ready: |_, _| no_operation(),
    encode_server_live: |_| no_operation(),
    encode_server_ready: |_| no_operation(),
    encode_server_metadata: |_| no_operation(),
    encode_fact: |_: Fact, _| Err(not_here()),
    decode_index: |_| Err(not_here()),
    encode_index: |_: &[IndexEntry<'_>]| no_operation(),
    encode_names: |names| models::models(names.iter().copied()),
    reflect: None,
    manage: None,
    encode_refusal: error::refusal,
    encode_error: error::error,
};

fn ask(method: &Method, path: &str) -> Option<Result<Asked, Refusal>> {
    let asked = |path| {
        let (operation, model) = match path {
            Path::Chat => (Operation::Chat, None),
            Path::Complete => (Operation::Complete, None),
            Path::Respond => (Operation::Respond, None),
            Path::Embed => (Operation::Embed, None),
            Path::Models => (Operation::Names, None),
            Path::Model(name) => (Operation::Metadata, Some(name)),
        };
        Asked { protocol: Protocol::OpenAi, operation, model, version: None }
    };
    path::ask(method, path).map(|path| path.map(asked))
}

/// A body is its message, if it is as it is meant.
fn open(headers: &Fields, body: Bytes, _: &Limits) -> Result<Bytes, Refusal> {
    if is_identity(headers) {
        Ok(body)
    } else {
        Err(Refusal::new(Kind::UnsupportedEncoding, "send the body without content-encoding"))
    }
}

fn decode_infer(
    _: &Fields,
    _: Bytes,
    _: Option<&ModelMetadata>,
    _: &Limits,
) -> Result<(InferRequest, ReplyForm), Refusal> {
    Err(Refusal::new(Kind::NotInThisBuild, "this model cannot be called over the OpenAI API"))
}

fn encode_infer(_: &InferResponse, _: &ReplyForm, _: NonFinite) -> Result<Outbound, Refusal> {
    Err(not_here())
}

fn no_operation() -> Outbound {
    error::refusal(&not_here())
}

/// `ask` gives no such operation.
fn not_here() -> Refusal {
    Refusal::new(Kind::NoSuchPath, "no such path in the OpenAI API of this gateway")
}
