//! The protocol as a client of model servers speaks it: strict in what it writes, lenient in what it reads.

use bytes::Bytes;
use http::Method;
use serde_json::Value;
use sluicegate_core::{
    BackendModel, Body, DataType, Fields, InferRequest, InferResponse, Introduction, Listed, ModelMetadata, NonFinite,
    Order,
};

pub use super::generate::client::{Generated, NoForm, decode_generated, encode_generate};
use super::{manage, metadata, path, request, response};
use crate::Limits;
use crate::fault::Fault;

/// Path of the server's description.
pub const SERVER_PATH: &str = "/v2";
/// Path that lists models, asked by `POST`.
pub const INDEX_PATH: &str = "/v2/repository/index";
/// Path that says whether the server runs.
pub const LIVE_PATH: &str = "/v2/health/live";
/// Path that says whether the server takes requests.
pub const READY_PATH: &str = "/v2/health/ready";

/// Longest error text taken from a server, in characters.
const ERROR_LENGTH: usize = 512;

/// How a server wants its requests written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireForm {
    /// Whether it has the binary tensor data extension; then inputs and outputs travel as binary data.
    pub binary: bool,
    /// How non-finite numbers are written where they travel as JSON.
    pub non_finite: NonFinite,
}

/// Why a request cannot be put into a server's wire form. Names the part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The datatype has no JSON form, and the server takes no binary data.
    #[error("tensor '{tensor}': {datatype} has no JSON form, and the model server takes no binary data")]
    NoJsonForm {
        /// Name of the tensor.
        tensor: String,
        /// Its datatype.
        datatype: DataType,
    },
    /// A NaN or an infinity, which the server's policy for JSON refuses.
    #[error("tensor '{tensor}': it holds NaN or an infinity, which the model server takes in no form")]
    NotFinite {
        /// Name of the tensor.
        tensor: String,
    },
    /// A BYTES element that is not UTF-8.
    #[error("tensor '{tensor}': a BYTES element is not UTF-8, and the model server takes no binary data")]
    NotUtf8 {
        /// Name of the tensor.
        tensor: String,
    },
    /// A parameter of NaN or an infinity.
    #[error("parameter '{name}': it is NaN or an infinity, which JSON has no number for")]
    Parameter {
        /// Name of the parameter.
        name: String,
    },
}

/// Why a server's message cannot be read. For operators: names the part, shows no contents.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct DecodeError {
    what: String,
}

/// Path of the request to run `model`.
#[must_use]
pub fn infer_path(model: &BackendModel) -> String {
    model_path(model, "/infer")
}

/// Path of a request to run `model` by values alone, with one answer.
#[must_use]
pub fn generate_path(model: &BackendModel) -> String {
    model_path(model, "/generate")
}

/// The same, with any number of answers.
#[must_use]
pub fn generate_stream_path(model: &BackendModel) -> String {
    model_path(model, "/generate_stream")
}

/// Path of the description of `model`.
#[must_use]
pub fn metadata_path(model: &BackendModel) -> String {
    model_path(model, "")
}

/// Path that says whether `model` can answer.
#[must_use]
pub fn ready_path(model: &BackendModel) -> String {
    model_path(model, "/ready")
}

/// Method and path of an order to a server; its body is the order's.
#[must_use]
pub fn order_target(order: &Order) -> (Method, String) {
    manage::target(order)
}

fn model_path(model: &BackendModel, verb: &str) -> String {
    let mut path = String::from("/v2/models/");
    path::encode_segment(&model.name, &mut path);
    if let Some(version) = &model.version {
        path.push_str("/versions/");
        path::encode_segment(version, &mut path);
    }
    path.push_str(verb);
    path
}

/// Writes a request: headers that describe the body, and the body as the JSON followed by the tensors' own bytes.
///
/// # Errors
/// A tensor that the wire form cannot carry.
pub fn encode_request(request: &InferRequest, form: &WireForm) -> Result<(Fields, Body), EncodeError> {
    request::encode(request, form)
}

/// Reads an answer of status 200. Absent and `null` members are taken as absent, unknown ones ignored.
///
/// # Errors
/// The answer is not one of this protocol, or a tensor's data does not fit its shape and datatype.
pub fn decode_response(headers: &Fields, body: Bytes, limits: &Limits) -> Result<InferResponse, DecodeError> {
    response::decode(headers, body, limits).map_err(DecodeError::from)
}

/// Reads a model's description. What the server leaves out is empty.
///
/// # Errors
/// The body is not a JSON object.
pub fn decode_metadata(body: &[u8]) -> Result<ModelMetadata, DecodeError> {
    metadata::decode_model(body)
}

/// Reads the names of the extensions in a server's description.
///
/// # Errors
/// The body is not a JSON object.
pub fn decode_server_extensions(body: &[u8]) -> Result<Vec<String>, DecodeError> {
    metadata::decode_extensions(body)
}

/// Reads what a server says of itself.
///
/// # Errors
/// The body is not a JSON object.
pub fn decode_server(body: &[u8]) -> Result<Introduction, DecodeError> {
    metadata::decode_server(body)
}

/// Reads a server's list of models; `None` where it is no such list.
#[must_use]
pub fn decode_index(body: &[u8]) -> Option<Vec<Listed>> {
    metadata::decode_index(body)
}

/// Reads what a body of status 200 says about liveness or readiness: servers leave it empty, or say `live` or `ready`.
#[must_use]
pub fn decode_health(body: &[u8]) -> bool {
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(object)) => {
            !["live", "ready"].iter().any(|key| object.get(*key).and_then(Value::as_bool) == Some(false))
        }
        _ => true,
    }
}

/// Reads a server's own error text: `error`, FastAPI's `detail`, or TorchServe's `message`. Bounded, and without
/// control characters.
#[must_use]
pub fn decode_error(body: &[u8]) -> Option<String> {
    let Ok(Value::Object(object)) = serde_json::from_slice(body) else { return None };
    let text = match (object.get("error"), object.get("detail"), object.get("message")) {
        (Some(Value::String(text)), ..) | (_, Some(Value::String(text)), _) | (_, _, Some(Value::String(text))) => {
            text.clone()
        }
        (Some(Value::Object(error)), ..) => error.get("message")?.as_str()?.to_owned(),
        (_, Some(Value::Array(faults)), _) => {
            faults.iter().take(4).filter_map(validation_fault).collect::<Vec<_>>().join("; ")
        }
        _ => return None,
    };
    let shown = |letter: char| if letter.is_control() { ' ' } else { letter };
    let text: String = text.chars().take(ERROR_LENGTH).map(shown).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// One entry of FastAPI's list: where and what, never the `input` it may echo.
fn validation_fault(fault: &Value) -> Option<String> {
    let message = fault.get("msg")?.as_str()?;
    let place: Vec<String> = fault.get("loc").and_then(Value::as_array).into_iter().flatten().map(part).collect();
    Some(if place.is_empty() { message.to_owned() } else { format!("{}: {message}", place.join(".")) })
}

fn part(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
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
