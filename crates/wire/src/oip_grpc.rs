//! Open Inference Protocol v2 over gRPC, with Triton's extensions: the service `inference.GRPCInferenceService` of
//! <https://github.com/kserve/open-inference-protocol> and <https://github.com/triton-inference-server/common>.
//!
//! As a server through [`CODEC`], as a client of model servers through [`client`]. Tensors are slices of the message
//! they came in, and leave as pieces of their own.

use sluicegate_core::Protocol;

use crate::{Codec, ManageCodec, StreamCodec, grpc};

mod answer;
pub mod client;
mod contents;
pub mod facts;
mod manage;
mod metadata;
mod names;
mod parameters;
mod pass;
mod request;
mod response;
mod rpc;
mod stream;
mod tensor;
mod write;

pub use crate::generated::DESCRIPTOR;
pub(crate) use manage::NO_REPOSITORIES;
pub use rpc::SERVICE;

/// The protocol as the gateway speaks it to its clients.
pub const CODEC: Codec = Codec {
    protocol: Protocol::OipGrpc,
    ask: rpc::ask,
    open: grpc::open,
    name_in_body: Some(names::complete),
    generative: None,
    needs_metadata: |_| false,
    decode_infer: request::decode,
    encode_infer: response::encode,
    pass: Some(pass::PASS),
    stream: Some(STREAM),
    generate: None,
    encode_model_metadata: metadata::encode_model,
    encode_model_ready: |_, ready| answer::model_ready(ready),
    encode_server_live: answer::server_live,
    encode_server_ready: answer::server_ready,
    encode_server_metadata: metadata::encode_server,
    encode_fact: answer::fact,
    decode_index: answer::decode_index,
    encode_index: answer::index,
    // `ask` gives no such operation: the list of this protocol is the index.
    encode_names: |_| answer::index(&[]),
    reflect: None,
    manage: Some(ManageCodec { decode: manage::decode, encode: manage::encode }),
    encode_refusal: grpc::refusal,
    encode_error: grpc::error,
};

const STREAM: StreamCodec =
    StreamCodec { head: stream::head, item: stream::item, refusal: stream::refusal, end: stream::end };
