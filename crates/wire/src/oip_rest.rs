//! Open Inference Protocol v2 over REST, with the binary tensor data extension: <https://github.com/kserve/open-inference-protocol>.
//!
//! As a server through [`CODEC`], as a client of model servers through [`client`]. What is accepted and which
//! policies hold is told in `docs/open-inference-protocol.md`.

use sluicegate_core::Protocol;

use crate::{Codec, ManageCodec};

mod answer;
mod binary;
pub mod client;
mod elements;
mod generate;
mod headers;
mod index;
mod manage;
mod metadata;
mod parameters;
mod path;
mod raw;
mod request;
mod response;
mod tensor;
mod write;

pub(crate) use headers::is_identity;
pub(crate) use path::{TAKES_GET, TAKES_POST, decode as decode_segment};

/// The protocol as the gateway speaks it to its clients.
pub const CODEC: Codec = Codec {
    protocol: Protocol::OipRest,
    ask: path::ask,
    open: request::open,
    name_in_body: None,
    generative: None,
    needs_metadata: headers::is_raw,
    decode_infer: request::decode,
    encode_infer: response::encode,
    pass: None,
    stream: None,
    generate: Some(generate::CODEC),
    encode_model_metadata: metadata::encode_model,
    encode_model_ready: answer::model_ready,
    encode_server_live: answer::server_live,
    encode_server_ready: answer::server_ready,
    encode_server_metadata: metadata::encode_server,
    encode_fact: answer::fact,
    decode_index: index::decode,
    encode_index: index::encode,
    encode_names: index::names,
    reflect: None,
    manage: Some(ManageCodec { decode: manage::decode, encode: manage::encode }),
    encode_refusal: answer::refusal,
    encode_error: answer::error,
};

/// Whether a request may be of a sequence, so that it matters to which server it goes: the id is a parameter in its JSON. A
/// request that has the word elsewhere is taken for one; one that spells it with escapes is not.
#[must_use]
pub fn may_name_a_sequence(body: &[u8]) -> bool {
    memchr::memmem::find(body, b"sequence_id").is_some()
}
