//! The table of protocols the gateway speaks to clients. A new protocol is one more file and one more line here.

use bytes::Bytes;
use http::{HeaderMap, Method};
use sluicegate_core::{Asked, InferRequest, InferResponse, ModelMetadata, NonFinite, Outbound, Protocol, Refusal};

use crate::{Limits, ReplyForm, oip_rest};

/// Reads headers and body of a request to run a model; the metadata only where `needs_metadata` says so.
pub type DecodeInfer =
    fn(&HeaderMap, Bytes, Option<&ModelMetadata>, &Limits) -> Result<(InferRequest, ReplyForm), Refusal>;

/// A protocol as a server speaks it.
#[derive(Clone, Copy)]
pub struct Codec {
    /// The protocol.
    pub protocol: Protocol,
    /// Reads method and path (as sent: not decoded, without query). `None`: the path is not of this protocol.
    pub ask: fn(&Method, &str) -> Option<Result<Asked, Refusal>>,
    /// Whether `decode_infer` needs the model's metadata, since the message does not describe its tensors.
    pub needs_metadata: fn(&HeaderMap) -> bool,
    /// Reads a request to run a model, and how its answer is wanted.
    pub decode_infer: DecodeInfer,
    /// Writes a model's answer. Refuses what the wanted form cannot carry.
    pub encode_infer: fn(&InferResponse, &ReplyForm, NonFinite) -> Result<Outbound, Refusal>,
    /// Writes a model's description.
    pub encode_model_metadata: fn(&ModelMetadata) -> Outbound,
    /// Writes whether the named model can answer.
    pub encode_model_ready: fn(&str, bool) -> Outbound,
    /// Writes whether the gateway runs.
    pub encode_server_live: fn(bool) -> Outbound,
    /// Writes whether the gateway takes requests.
    pub encode_server_ready: fn(bool) -> Outbound,
    /// Writes the gateway's description, given its version.
    pub encode_server_metadata: fn(&str) -> Outbound,
    /// Writes a refusal in the protocol's own error form.
    pub encode_refusal: fn(&Refusal) -> Outbound,
}

/// Every protocol, in the order in which paths are tried.
pub const PROTOCOLS: &[Codec] = &[oip_rest::CODEC];

/// The codec of `protocol`.
#[must_use]
pub fn codec(protocol: Protocol) -> &'static Codec {
    const OIP_REST: &Codec = &oip_rest::CODEC;
    match protocol {
        Protocol::OipRest => OIP_REST,
    }
}

impl std::fmt::Debug for Codec {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Codec").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}
