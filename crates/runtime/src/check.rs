//! Looks a model file over before any engine sees it: size, counts, depth, tensors that claim more than they bring,
//! names that lead nowhere, data outside the file. The engines were not written for hostile files; this is.

pub(crate) mod graph;
mod survey;
mod tensors;

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

/// Where data that lies outside a model file comes from.
pub(crate) trait External {
    /// `size` bytes at `offset` of the file that the model calls `location`.
    ///
    /// # Errors
    /// Why the model may not have them.
    fn fetch(&mut self, location: &str, offset: u64, size: u64) -> Result<Vec<u8>, String>;
}

/// No data outside the file.
pub(crate) struct Nowhere;

/// Reads and checks a model. All of its tensors come back in one form, whole, inside the model.
///
/// # Errors
/// Why the model is refused, in words for the operator.
pub(crate) fn model(
    bytes: &[u8],
    limits: Limits,
    external: &mut dyn External,
    engine: graph::Engine,
) -> Result<ModelProto, String> {
    if bytes.len() as u64 > limits.model {
        return Err(format!("the file is larger than {} bytes", limits.model));
    }
    if bytes.is_empty() {
        return Err("the file is empty".to_owned());
    }
    survey::survey(bytes)?;
    let mut source = bytes;
    let mut model = tract_onnx::onnx()
        .proto_model_for_read(&mut source)
        .map_err(|_| "the file is not an ONNX model: it is damaged".to_owned())?;
    if !model.functions.is_empty() {
        return Err("functions inside a model are not supported; export it with them inlined".to_owned());
    }
    graph::opsets(&model)?;
    let graph = model.graph.as_mut().ok_or("the file is not an ONNX model: it holds no graph")?;
    if graph.output.is_empty() {
        return Err("the model has no outputs".to_owned());
    }
    let mut purse = tensors::Purse { left: limits.model, limit: limits.model };
    graph::check(graph, &mut Vec::new(), &mut purse, external, engine)?;
    Ok(model)
}

impl External for Nowhere {
    fn fetch(&mut self, _location: &str, _offset: u64, _size: u64) -> Result<Vec<u8>, String> {
        Err("lies outside the file, and there is no folder to look in".to_owned())
    }
}
