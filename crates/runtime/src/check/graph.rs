//! The graph of a model: every value is made once, before it is read; every operator is one that can be run.

use std::collections::HashSet;

use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, ValueInfoProto, type_proto};

use super::External;
use super::tensors::{MAX_RANK, Purse, settle};

/// The newest operator sets that this was read against.
const MAX_OPSET: i64 = 26;
const MAX_ML_OPSET: i64 = 5;

/// Names that can be read at some place of the graph, in layers: those of outer graphs below.
type Names = Vec<HashSet<String>>;

/// What the check needs to know of the engine.
#[derive(Clone, Copy)]
pub(crate) struct Engine {
    /// Whether it has an operator of this domain and name.
    pub(crate) knows: fn(&str, &str) -> bool,
    /// What to say of one that it has not.
    pub(crate) advice: &'static str,
}

/// Checks the operator sets a model asks for.
pub(crate) fn opsets(model: &ModelProto) -> Result<(), String> {
    for import in &model.opset_import {
        let newest = match import.domain.as_str() {
            "" | "ai.onnx" => MAX_OPSET,
            "ai.onnx.ml" => MAX_ML_OPSET,
            // A domain that no node uses does no harm.
            _ => continue,
        };
        if !(1..=newest).contains(&import.version) {
            let domain = if import.domain.is_empty() { "ai.onnx" } else { &import.domain };
            return Err(format!("needs operator set {} of {domain}; known are 1 to {newest}", import.version));
        }
    }
    Ok(())
}

/// Checks a graph and those inside it, and brings their tensors into one form. Depth was bounded by the survey.
pub(crate) fn check(
    graph: &mut GraphProto,
    names: &mut Names,
    purse: &mut Purse,
    external: &mut dyn External,
    engine: Engine,
) -> Result<(), String> {
    if !graph.sparse_initializer.is_empty() {
        return Err("sparse weights are not supported".to_owned());
    }
    names.push(HashSet::new());
    let mut defaults = HashSet::new();
    for tensor in &mut graph.initializer {
        settle(tensor, purse, external)?;
        if !defaults.insert(tensor.name.clone()) {
            return Err(format!("two tensors are named '{}'", tensor.name));
        }
    }
    for input in &graph.input {
        rank(input)?;
        defaults.remove(&input.name);
        make(names, &input.name)?;
    }
    // Left over are tensors that are not listed as inputs.
    for name in defaults {
        make(names, &name)?;
    }
    for node in &mut graph.node {
        operator(node, engine)?;
        for input in node.input.iter().filter(|name| !name.is_empty()) {
            if !names.iter().any(|layer| layer.contains(input)) {
                return Err(format!(
                    "node '{}' ({}) reads '{input}', which nothing makes before it",
                    node.name, node.op_type
                ));
            }
        }
        for attribute in &mut node.attribute {
            for tensor in attribute.t.iter_mut().chain(&mut attribute.tensors) {
                settle(tensor, purse, external)?;
            }
            if attribute.sparse_tensor.is_some() || !attribute.sparse_tensors.is_empty() {
                return Err("sparse tensors are not supported".to_owned());
            }
            for inner in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                check(inner, names, purse, external, engine)?;
            }
        }
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            make(names, output)?;
        }
    }
    let mut listed = HashSet::new();
    for output in &graph.output {
        if !listed.insert(&output.name) {
            return Err(format!("output '{}' is listed twice", output.name));
        }
        if !names.last().is_some_and(|layer| layer.contains(&output.name)) {
            return Err(format!("output '{}' is made by nothing", output.name));
        }
        rank(output)?;
    }
    names.pop();
    Ok(())
}

fn make(names: &mut Names, name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("a value has no name".to_owned());
    }
    if names.last_mut().is_some_and(|layer| layer.insert(name.to_owned())) {
        Ok(())
    } else {
        Err(format!("'{name}' is made twice"))
    }
}

fn rank(info: &ValueInfoProto) -> Result<(), String> {
    let Some(type_proto::Value::TensorType(tensor)) = info.r#type.as_ref().and_then(|kind| kind.value.as_ref()) else {
        return Ok(());
    };
    let rank = tensor.shape.as_ref().map_or(0, |shape| shape.dim.len());
    if rank > MAX_RANK {
        return Err(format!("'{}' has {rank} dimensions; {MAX_RANK} are possible", info.name));
    }
    Ok(())
}

fn operator(node: &NodeProto, engine: Engine) -> Result<(), String> {
    let domain = node.domain.as_str();
    if (engine.knows)(domain, &node.op_type) {
        return Ok(());
    }
    let domain = if domain.is_empty() { "ai.onnx" } else { domain };
    Err(format!("needs the operator {domain}.{}, which this engine does not have; {}", node.op_type, engine.advice))
}
