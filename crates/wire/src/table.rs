//! The table of protocols the gateway speaks to clients. A new protocol is one more file and one more line here.

use bytes::Bytes;
use http::{Method, StatusCode};
use sluicegate_core::{
    Asked, Fact, Fields, InferRequest, InferResponse, Management, ModelMetadata, NonFinite, Order, Outbound, Protocol,
    Refusal, Unnamed,
};

use crate::{Limits, ReplyForm, grpc, grpc_health, grpc_reflection, oip_grpc, oip_rest, openai};

/// Takes off what the transport wraps around the message of a whole body: frames, compression. What it gives is the
/// message that the other functions read. Sizes are held against the limits before memory is set aside.
pub type Open = fn(&Fields, Bytes, &Limits) -> Result<Bytes, Refusal>;

/// Completes what was asked by what the message says: the model and version it names.
pub type NameInBody = fn(Asked, &Fields, &Bytes) -> Result<Asked, Refusal>;

/// Reads what a request to a generative model says of itself: which model is meant, and how the answer is wanted.
pub type ReadHead = fn(&Fields, &[u8]) -> Result<openai::Head, Refusal>;

/// Reads headers and message of a request to run a model; the metadata only where `needs_metadata` says so.
pub type DecodeInfer =
    fn(&Fields, Bytes, Option<&ModelMetadata>, &Limits) -> Result<(InferRequest, ReplyForm), Refusal>;

/// Writes a fact that is at hand as JSON, in the form of Triton's REST extensions and by the client's names.
pub type EncodeFact = fn(Fact, Bytes) -> Result<Outbound, Refusal>;

/// Answers one message of a stream about the gateway itself.
pub type Reflect = fn(&Bytes) -> Result<Bytes, Refusal>;

/// A protocol as a server speaks it.
#[derive(Clone, Copy)]
pub struct Codec {
    /// The protocol.
    pub protocol: Protocol,
    /// Reads method and path (as sent: not decoded, without query). `None`: the path is not of this protocol.
    pub ask: fn(&Method, &str) -> Option<Result<Asked, Refusal>>,
    /// Takes the message out of a whole body. Not for [`Operation::StreamInfer`](sluicegate_core::Operation): its body
    /// is a stream of messages, which [`grpc::frame::Reader`] parts.
    pub open: Open,
    /// Completes what was asked from the opened message, for every operation of the protocol; of a stream from each of
    /// its messages. `None`: method and path say all. Nothing but the names is decoded, and a name that stands twice is
    /// refused. `Statistics` alone may name no model and then means all.
    pub name_in_body: Option<NameInBody>,
    /// Reads the message of a request for a [generative](sluicegate_core::Operation::is_generative) operation; `None`:
    /// the protocol has none.
    pub generative: Option<ReadHead>,
    /// Whether `decode_infer` needs the model's metadata, since the message does not describe its tensors.
    pub needs_metadata: fn(&Fields) -> bool,
    /// Reads a request to run a model, and how its answer is wanted, from the opened message.
    pub decode_infer: DecodeInfer,
    /// Writes a model's answer. Refuses what the wanted form cannot carry.
    pub encode_infer: fn(&InferResponse, &ReplyForm, NonFinite) -> Result<Outbound, Refusal>,
    /// How messages pass to and from a model server that speaks the protocol itself; `None`: they do not, or as the bytes
    /// they are.
    pub pass: Option<PassCodec>,
    /// Writes answers one after another; `None`: the protocol has no such form.
    pub stream: Option<StreamCodec>,
    /// Reads requests that name values alone, and writes such answers; `None`: the protocol has no such form.
    pub generate: Option<GenerateCodec>,
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
    /// Writes a configuration or counters.
    pub encode_fact: EncodeFact,
    /// Reads, from the opened message, whether a list of models is to hold only those that are ready.
    pub decode_index: fn(&Bytes) -> Result<bool, Refusal>,
    /// Writes a list of models.
    pub encode_index: fn(&[IndexEntry<'_>]) -> Outbound,
    /// Writes the names of the models, each once.
    pub encode_names: fn(&[&str]) -> Outbound,
    /// Answers one message of a stream about the gateway itself, [`Reflect`](sluicegate_core::Operation::Reflect): both
    /// without frames. `None`: the protocol has no such stream.
    pub reflect: Option<Reflect>,
    /// How it reads orders to a server and writes what comes of them; `None`: it has none.
    pub manage: Option<ManageCodec>,
    /// Writes a refusal in the protocol's own error form.
    pub encode_refusal: fn(&Refusal) -> Outbound,
    /// Writes an error that the backend made: the refusal's words, and the status of HTTP that says what the backend's
    /// does.
    pub encode_error: fn(&Refusal, StatusCode) -> Outbound,
}

/// How a protocol whose messages hold the model's names lets their tensors pass as they are.
#[derive(Clone, Copy)]
pub struct PassCodec {
    /// Takes the names off an opened request to run a model. `None`: it must be decoded, which also says whether it is
    /// right.
    pub request: fn(&Bytes, &Limits) -> Option<Unnamed>,
    /// Writes an answer by these names of model and version.
    pub answer: fn(&Unnamed, &str, &str) -> Result<Outbound, Refusal>,
}

/// How a protocol manages servers.
#[derive(Clone, Copy)]
pub struct ManageCodec {
    /// Reads method, path (as sent) and opened message of an order. The model is by the client's name.
    pub decode: fn(&Method, &str, &Bytes) -> Result<Order, Refusal>,
    /// Writes what a server told, given as JSON in the form of Triton's REST extensions or as nothing.
    pub encode: fn(Management, Bytes) -> Result<Outbound, Refusal>,
}

/// How a protocol writes answers one after another.
#[derive(Clone, Copy)]
pub struct StreamCodec {
    /// The answer's head: status and headers, without a body.
    pub head: fn() -> Outbound,
    /// One answer, ready to be sent: pieces that need not be copied together.
    pub item: fn(&InferResponse, &ReplyForm, NonFinite) -> Result<Vec<Bytes>, Refusal>,
    /// A refusal among the answers, after which more may follow; for the request of this id, if it has one.
    pub refusal: fn(&Refusal, Option<&str>) -> Bytes,
    /// What stands behind the last answer; with a refusal where that ends the stream. Empty: nothing.
    pub end: fn(Option<&Refusal>) -> Fields,
}

/// How a protocol reads and writes messages that say neither shape nor datatype: the model's description gives them.
#[derive(Clone, Copy)]
pub struct GenerateCodec {
    /// Reads a request of a model so described.
    pub decode: fn(&Fields, &Bytes, &ModelMetadata, &Limits) -> Result<InferRequest, Refusal>,
    /// Writes the one answer.
    pub encode: fn(&InferResponse, NonFinite) -> Result<Outbound, Refusal>,
    /// Writes any number of answers.
    pub stream: StreamCodec,
}

/// A model in a list of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexEntry<'a> {
    /// The model, by the client's name.
    pub name: &'a str,
    /// The version; empty where there is none.
    pub version: &'a str,
    /// `READY`, `UNAVAILABLE` and the like.
    pub state: &'a str,
    /// Why it is in that state; mostly empty.
    pub reason: &'a str,
}

/// Every protocol that the gateway answers, in the order in which paths are tried.
pub const PROTOCOLS: &[Codec] =
    &[oip_rest::CODEC, oip_grpc::CODEC, openai::CODEC, grpc_health::CODEC, grpc_reflection::CODEC];

/// The codec of `protocol`.
#[must_use]
pub fn codec(protocol: Protocol) -> &'static Codec {
    const OIP_REST: &Codec = &oip_rest::CODEC;
    const OIP_GRPC: &Codec = &oip_grpc::CODEC;
    const GRPC_HEALTH: &Codec = &grpc_health::CODEC;
    const GRPC_REFLECTION: &Codec = &grpc_reflection::CODEC;
    const OPENAI: &Codec = &openai::CODEC;
    match protocol {
        Protocol::OipRest => OIP_REST,
        Protocol::OipGrpc => OIP_GRPC,
        Protocol::GrpcHealth => GRPC_HEALTH,
        Protocol::GrpcReflection => GRPC_REFLECTION,
        Protocol::OpenAi => OPENAI,
    }
}

/// The codec in which to refuse a request of which nothing but its head is known: not yet, or not at all, what it asks.
#[must_use]
pub fn codec_of_head(path: &str, headers: &Fields) -> &'static Codec {
    codec(if grpc::is_grpc(headers) {
        Protocol::OipGrpc
    } else if path.starts_with("/v1/") {
        Protocol::OpenAi
    } else {
        Protocol::OipRest
    })
}

impl std::fmt::Debug for Codec {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Codec").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for GenerateCodec {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("GenerateCodec")
    }
}

impl std::fmt::Debug for ManageCodec {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ManageCodec")
    }
}

impl std::fmt::Debug for StreamCodec {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("StreamCodec")
    }
}
