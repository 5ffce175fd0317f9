//! From a checked file to tract's graph: inputs with their dimensions left open, outputs without what the file claims.

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::convert;
use crate::describe::{Description, Dim, Port};
use crate::ops;

pub(super) fn parse(
    model: &ModelProto,
    description: &Description,
) -> TractResult<(InferenceModel, Vec<Option<TValue>>)> {
    let mut onnx = tract_onnx::onnx().with_ignore_value_info(true);
    ops::register(&mut onnx.op_register);
    super::guard::put_around(&mut onnx.op_register);
    // An input with a default is fed like any other, by the default where nothing is sent.
    let mut model = std::borrow::Cow::Borrowed(model);
    let mut defaults: Vec<Option<TValue>> = vec![None; description.inputs.len()];
    for (port, default) in description.inputs.iter().zip(&mut defaults) {
        if !port.optional {
            continue;
        }
        let Some(graph) = model.to_mut().graph.as_mut() else { continue };
        let Some(place) = graph.initializer.iter().position(|tensor| tensor.name == port.name) else { continue };
        let tensor = graph.initializer.remove(place);
        *default = Some(tract_onnx::tensor::load_tensor(&*onnx.provider, &tensor, None)?.into_tvalue());
    }
    let parsed = onnx.parse(&model, None)?;
    ensure!(parsed.unresolved_inputs.is_empty(), "reads values that nothing makes: {:?}", parsed.unresolved_inputs);
    let mut graph = parsed.model;
    let inputs: Vec<OutletId> = description
        .inputs
        .iter()
        .map(|port| parsed.outlets_by_name.get(&port.name).copied().context("an input is not in the graph"))
        .collect::<TractResult<_>>()?;
    graph.set_input_outlets(&inputs)?;
    for place in 0..graph.outputs.len() {
        // Declared types and shapes of outputs are often wrong; what is computed is the truth. This comes before the
        // inputs, since an output may be one of them.
        graph.set_output_fact(place, InferenceFact::default())?;
    }
    for (place, port) in description.inputs.iter().enumerate() {
        let fact = fact(&graph, port)?;
        graph.set_input_fact(place, fact)?;
    }
    Ok((graph, defaults))
}

pub(super) fn fact(graph: &InferenceModel, port: &Port) -> TractResult<InferenceFact> {
    let datum = convert::datum(port.datatype)
        .with_context(|| format!("input '{}' is {}, which this engine cannot compute in", port.name, port.datatype))?;
    let Some(dims) = &port.dims else { return Ok(InferenceFact::dt(datum)) };
    let dims: Vec<TDim> = dims
        .iter()
        .map(|dim| match dim {
            Dim::Fixed(length) => Ok(i64::try_from(*length)?.to_dim()),
            Dim::Named(name) => Ok(named(graph, name)),
            Dim::Any => Ok(graph.symbols.new_with_prefix("any").to_dim()),
        })
        .collect::<TractResult<_>>()?;
    Ok(InferenceFact::dt_shape(datum, dims))
}

// A name that is an expression ("2*n") stands for a length of its own here; the request is held against it.
fn named(graph: &InferenceModel, name: &str) -> TDim {
    let plain = name.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if plain {
        graph.symbols.sym(name).to_dim()
    } else {
        // Equal texts must be equal symbols: a stable name is made of the letters.
        let made: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
        graph.symbols.sym(&format!("d_{made}")).to_dim()
    }
}

pub(super) fn is_open(description: &Description) -> bool {
    description
        .inputs
        .iter()
        .any(|port| port.dims.as_ref().is_none_or(|dims| dims.iter().any(|dim| !matches!(dim, Dim::Fixed(_)))))
}

pub(super) fn fixed(model: &InferenceModel, inputs: &[TValue]) -> TractResult<InferenceModel> {
    let mut model = model.clone();
    for (place, input) in inputs.iter().enumerate() {
        model.set_input_fact(place, InferenceFact::dt_shape(input.datum_type(), input.shape()))?;
    }
    Ok(model)
}

// A shape that is put out is made of dimensions, which have numbers only while a request runs.
pub(super) fn with_plain_outputs(model: &mut TypedModel) -> TractResult<()> {
    let mut outputs = model.outputs.clone();
    for (place, outlet) in outputs.iter_mut().enumerate() {
        if model.outlet_fact(*outlet)?.datum_type == TDim::datum_type() {
            let cast = tract_onnx::tract_core::ops::cast::cast(i64::datum_type());
            let wired = model.wire_node(format!("sluicegate.output.{place}"), cast, &[*outlet])?;
            *outlet = *wired.first().context("a cast makes one output")?;
        }
    }
    model.select_output_outlets(&outputs)
}
