//! The canonical inference request and answer, and what is known about a model. Every predictive protocol translates
//! to and from these.

use crate::{DataType, Parameter, Parameters, Tensor};

/// A request to run a model once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InferRequest {
    /// The client's own id, echoed in the answer.
    pub id: Option<String>,
    /// Parameters of the request, less those that only steer the wire form of the answer.
    pub parameters: Parameters,
    /// Input tensors, in the client's order.
    pub inputs: Vec<Tensor>,
    /// The outputs asked for; empty asks for all.
    pub outputs: Vec<RequestedOutput>,
}

/// An output the client asked for by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestedOutput {
    /// The output's name.
    pub name: String,
    /// Its parameters, less those that only steer the wire form (`binary_data`).
    pub parameters: Parameters,
}

/// The parameter by which a request over a stream asks that its end be told also where the last answer did not.
pub const ASK_FINAL: &str = "triton_enable_empty_final_response";

/// The parameter by which an answer of a stream says whether it is the last.
pub const FINAL: &str = "triton_final_response";

/// A model's answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InferResponse {
    /// The model that answered, by the name the speaker uses.
    pub model_name: String,
    /// The version that answered.
    pub model_version: Option<String>,
    /// The request's id.
    pub id: Option<String>,
    /// Parameters of the answer.
    pub parameters: Parameters,
    /// Output tensors.
    pub outputs: Vec<Tensor>,
}

impl InferResponse {
    /// Whether it says nothing but that no answer follows.
    #[must_use]
    pub fn is_only_final(&self) -> bool {
        self.outputs.is_empty() && self.parameters.get(FINAL) == Some(&Parameter::Bool(true))
    }
}

/// What is known about a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelMetadata {
    /// The model's name.
    pub name: String,
    /// Versions that can be asked for.
    pub versions: Vec<String>,
    /// Framework and format, for example `onnx_tract`.
    pub platform: String,
    /// Inputs; empty where the server does not say.
    pub inputs: Vec<TensorMetadata>,
    /// Outputs; empty where the server does not say.
    pub outputs: Vec<TensorMetadata>,
    /// Free facts: `class_names` holds a classifier's classes as a JSON array of strings.
    pub properties: Vec<(String, String)>,
}

/// One input or output of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorMetadata {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub datatype: DataType,
    /// Its dimensions; -1 where any length is taken.
    pub shape: Vec<i64>,
}

/// How NaN and the infinities are written where JSON has no number for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NonFinite {
    /// As the bare words `NaN`, `Infinity`, `-Infinity`, which Triton, TensorFlow Serving and Python write and read.
    #[default]
    Token,
    /// NaN as `null`; an infinity is refused, since `null` would lose it.
    Null,
    /// Refused.
    Reject,
}
