//! The protocol as a client of model servers speaks it: strict in what it writes, lenient in what it reads.
//!
//! What is written is framed; what is read is a message that [`frame::Reader`](crate::grpc::frame::Reader) took out of
//! its frame.

use bytes::Bytes;
use prost::Message;
use sluicegate_core::{
    BackendModel, InferRequest, InferResponse, Introduction, Management, ModelMetadata, Order, Unnamed,
};

use super::{manage, metadata, pass, request, response};
use crate::Limits;
use crate::fault::{Fault, Read};
use crate::generated::inference::{
    ModelReadyRequest, RepositoryIndexRequest, RepositoryIndexResponse, ServerMetadataResponse,
    repository_index_response::ModelIndex,
};
use crate::grpc::frame::{self, FrameError};
use crate::grpc::protobuf::{Fields, Value};

pub use super::facts::{config_to_json, statistics_to_json};

/// Path of the call to run a model.
pub const INFER_PATH: &str = "/inference.GRPCInferenceService/ModelInfer";
/// Path of the call to run a model any number of times.
pub const STREAM_PATH: &str = "/inference.GRPCInferenceService/ModelStreamInfer";
/// Path of the call that says whether a model can answer.
pub const READY_PATH: &str = "/inference.GRPCInferenceService/ModelReady";
/// Path of the call that describes a model.
pub const METADATA_PATH: &str = "/inference.GRPCInferenceService/ModelMetadata";
/// Path of the call that tells a model's configuration.
pub const CONFIG_PATH: &str = "/inference.GRPCInferenceService/ModelConfig";
/// Path of the call that tells a model's counters.
pub const STATISTICS_PATH: &str = "/inference.GRPCInferenceService/ModelStatistics";
/// Path of the call that lists models.
pub const INDEX_PATH: &str = "/inference.GRPCInferenceService/RepositoryIndex";
/// Path of the call that says whether the server runs.
pub const SERVER_LIVE_PATH: &str = "/inference.GRPCInferenceService/ServerLive";
/// Path of the call that says whether the server takes requests.
pub const SERVER_READY_PATH: &str = "/inference.GRPCInferenceService/ServerReady";
/// Path of the call that describes the server.
pub const SERVER_PATH: &str = "/inference.GRPCInferenceService/ServerMetadata";

/// Longest error text taken from a server, in characters.
const ERROR_LENGTH: usize = 512;

/// What a server can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Whether its parameters can be doubles and unsigned integers: those of the specification and of Triton can, those
    /// of KServe, MLServer and `TorchServe` can not.
    pub parameters_double_uint64: bool,
}

/// Why a request cannot be put into a server's wire form. Names the part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A double, or an integer beyond 63 bits, for a server whose parameters have no such kind.
    #[error("parameter '{name}': the model server takes neither doubles nor integers beyond 63 bits")]
    Parameter {
        /// Name of the parameter.
        name: String,
    },
    /// A dimension beyond 63 bits.
    #[error("tensor '{tensor}': a dimension does not fit 63 bits")]
    Dimension {
        /// Name of the tensor.
        tensor: String,
    },
    /// A message of four gibibytes or more.
    #[error("the message has more bytes than a gRPC frame counts")]
    TooLarge,
}

/// Why a server's message cannot be read. For operators: names the part, shows no contents.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct DecodeError {
    what: String,
}

/// One message of a stream of answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Streamed {
    /// An answer.
    Answer(InferResponse),
    /// An error in band; the stream goes on.
    Error {
        /// The server's words, bounded and without control characters.
        message: String,
        /// The id of the request it is about, where the server says.
        id: Option<String>,
    },
}

/// Writes a framed `ModelInferRequest`. Tensors that are large are pieces of their own, not copied.
///
/// # Errors
/// Something that the server's wire form cannot carry.
pub fn encode_request(request: &InferRequest, model: &BackendModel, peer: &Peer) -> Result<Vec<Bytes>, EncodeError> {
    request::encode(request, model, peer)
}

/// Writes a framed `ModelInferRequest` whose tensors are at hand as they travel.
///
/// # Errors
/// It is larger than a frame can be.
pub fn encode_unnamed(request: &Unnamed, model: &BackendModel) -> Result<Vec<Bytes>, EncodeError> {
    pass::framed(request, &model.name, model.version.as_deref())
}

/// Takes the names off a `ModelInferResponse`, if it is so plain that it need not be decoded.
#[must_use]
pub fn unnamed_response(message: &Bytes, limits: &Limits) -> Option<Unnamed> {
    pass::response(message, limits)
}

/// Reads a `ModelInferResponse`, with raw or typed contents.
///
/// # Errors
/// The message is none, or a tensor's data does not fit its shape and datatype.
pub fn decode_response(message: Bytes, limits: &Limits) -> Result<InferResponse, DecodeError> {
    Ok(response::read(message, limits)?)
}

/// Reads one message of `ModelStreamInfer`: Triton's, which wraps an answer or an error, or MLServer's, which is the
/// answer itself. The two are known from each other by the fields a wrapper does not have.
///
/// # Errors
/// The message is none of them.
pub fn decode_streamed(message: Bytes, limits: &Limits) -> Result<Streamed, DecodeError> {
    Ok(streamed(message, limits)?)
}

fn streamed(message: Bytes, limits: &Limits) -> Read<Streamed> {
    let mut error = None;
    let mut inner = None;
    let mut fields = Fields::of(message.clone());
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, value) => error = Some(value.text(usize::MAX, "the error")?),
            (2, Value::Bytes(bytes)) => inner = Some(bytes),
            _ => return response::read(message, limits).map(Streamed::Answer),
        }
    }
    match (error.filter(|error| !error.is_empty()), inner) {
        (Some(error), inner) => {
            let id = inner.and_then(|inner| response::read(inner, limits).ok()).and_then(|response| response.id);
            Ok(Streamed::Error { message: bounded(&error), id })
        }
        (None, Some(inner)) => response::read(inner, limits).map(Streamed::Answer),
        (None, None) => Err(Fault::message("the message is neither an answer nor an error")),
    }
}

fn bounded(text: &str) -> String {
    let shown = |letter: char| if letter.is_control() { ' ' } else { letter };
    text.chars().take(ERROR_LENGTH).map(shown).collect()
}

/// Writes a framed question about a model: for [`READY_PATH`], [`METADATA_PATH`], [`CONFIG_PATH`] and
/// [`STATISTICS_PATH`], whose messages are alike.
///
/// # Errors
/// The model's name does not fit a frame.
pub fn encode_question(model: &BackendModel) -> Result<Bytes, FrameError> {
    let version = model.version.as_deref().unwrap_or_default().to_owned();
    let message = ModelReadyRequest { name: model.name.to_string(), version };
    frame::whole(&message.encode_to_vec())
}

/// Path and framed message of an order to a server.
///
/// # Errors
/// A value that the message has no form for.
pub fn encode_order(order: &Order) -> Result<(String, Bytes), DecodeError> {
    let (path, message) = manage::question(order)?;
    let framed = frame::whole(&message).map_err(|error| DecodeError::new(error.to_string()))?;
    Ok((path, framed))
}

/// Reads what a server answered to an order, as JSON of Triton's REST extensions; empty where it says nothing.
///
/// # Errors
/// The message is none of the call.
pub fn decode_order(what: Management, message: &[u8]) -> Result<Bytes, DecodeError> {
    manage::told(what, message)
}

/// A framed message without fields: for [`SERVER_LIVE_PATH`], [`SERVER_READY_PATH`], [`SERVER_PATH`], and for the
/// statistics of all models.
#[must_use]
pub const fn encode_nothing() -> Bytes {
    Bytes::from_static(&[0; frame::PREFIX])
}

/// Writes a framed question for the list of models.
///
/// # Errors
/// None that a message this short can meet.
pub fn encode_index(only_ready: bool) -> Result<Bytes, FrameError> {
    let message = RepositoryIndexRequest { repository_name: String::new(), ready: only_ready };
    frame::whole(&message.encode_to_vec())
}

/// Reads what [`READY_PATH`], [`SERVER_LIVE_PATH`] and [`SERVER_READY_PATH`] answer; what is not said is no.
///
/// # Errors
/// The message is none.
pub fn decode_yes(message: Bytes) -> Result<bool, DecodeError> {
    let mut yes = false;
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            yes = value.number()? != 0;
        }
    }
    Ok(yes)
}

/// Reads a model's description. What the server leaves out is empty.
///
/// # Errors
/// The message is none.
pub fn decode_metadata(message: Bytes, limits: &Limits) -> Result<ModelMetadata, DecodeError> {
    Ok(metadata::read_model(message, limits)?)
}

/// Reads the names of the extensions in a server's description.
///
/// # Errors
/// The message is none.
pub fn decode_server_extensions(message: &[u8]) -> Result<Vec<String>, DecodeError> {
    let described = ServerMetadataResponse::decode(message)
        .map_err(|_| DecodeError::new("the message is no ServerMetadataResponse"))?;
    Ok(described.extensions)
}

/// Reads what a server says of itself.
///
/// # Errors
/// The message is none.
pub fn decode_server(message: &[u8]) -> Result<Introduction, DecodeError> {
    let described = ServerMetadataResponse::decode(message)
        .map_err(|_| DecodeError::new("the message is no ServerMetadataResponse"))?;
    let software = format!("{} {}", described.name, described.version).trim().to_owned();
    Ok(Introduction {
        software: (!software.is_empty()).then_some(software),
        extensions: described.extensions,
        ..Introduction::default()
    })
}

/// Reads the list of models.
///
/// # Errors
/// The message is none.
pub fn decode_index(message: &[u8]) -> Result<Vec<ModelIndex>, DecodeError> {
    let index = RepositoryIndexResponse::decode(message)
        .map_err(|_| DecodeError::new("the message is no RepositoryIndexResponse"))?;
    Ok(index.models)
}

impl Default for Peer {
    /// One that speaks the specification.
    fn default() -> Self {
        Self { parameters_double_uint64: true }
    }
}

impl DecodeError {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }
}

impl From<Fault> for DecodeError {
    fn from(fault: Fault) -> Self {
        Self::new(fault.to_string())
    }
}
