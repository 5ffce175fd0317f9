//! Holds a request against what the model declares, before any of the model's own work: every message names the
//! tensor and says what the model takes. Knows no engine.

use sluicegate_core::{InferRequest, RequestedOutput, Tensor};

use crate::describe::{Description, Dim, Port};

/// A request that fits: inputs in the model's order, and which outputs are wanted.
#[derive(Debug)]
pub(crate) struct Fitted {
    pub(crate) inputs: Vec<Option<Tensor>>,
    pub(crate) wanted: Vec<bool>,
    /// For each tensor of the answer, in the order asked for, its place among those that are made.
    pub(crate) order: Vec<usize>,
}

/// Fits `request` to a model.
///
/// # Errors
/// What is wrong, in words for the client.
pub(crate) fn fit(description: &Description, request: InferRequest) -> Result<Fitted, String> {
    let (wanted, order) = outputs(description, &request.outputs)?;
    let mut inputs: Vec<Option<Tensor>> = description.inputs.iter().map(|_| None).collect();
    for tensor in request.inputs {
        let place = description.inputs.iter().position(|port| port.name == tensor.name);
        let slot = place.and_then(|place| inputs.get_mut(place));
        let (Some(place), Some(slot)) = (place, slot) else {
            let name = &tensor.name;
            return Err(format!("input '{name}' is unknown; the model takes {}", list(&description.inputs)));
        };
        if slot.is_some() {
            return Err(format!("input '{}' is given twice", tensor.name));
        }
        if let Some(port) = description.inputs.get(place) {
            check(port, &tensor)?;
        }
        *slot = Some(tensor);
    }
    for (port, tensor) in description.inputs.iter().zip(&inputs) {
        if tensor.is_none() && !port.optional {
            return Err(format!("input '{}' is missing; the model takes {}", port.name, list(&description.inputs)));
        }
    }
    same_names(description, &inputs)?;
    Ok(Fitted { inputs, wanted, order })
}

fn check(port: &Port, tensor: &Tensor) -> Result<(), String> {
    let name = &port.name;
    if port.datatype != tensor.datatype() {
        return Err(format!("input '{name}': the model takes {}, got {}", port.datatype, tensor.datatype()));
    }
    let Some(dims) = &port.dims else { return Ok(()) };
    let fits = dims.len() == tensor.shape().len()
        && dims.iter().zip(tensor.shape()).all(|(dim, length)| !matches!(dim, Dim::Fixed(fixed) if fixed != length));
    if fits {
        return Ok(());
    }
    let taken = &port.metadata().shape;
    Err(format!("input '{name}': the model takes shape {taken:?} (-1: any length), got {:?}", tensor.shape()))
}

// A dimension's name stands for one length throughout a request.
fn same_names(description: &Description, inputs: &[Option<Tensor>]) -> Result<(), String> {
    let mut known: Vec<(&str, u64, &str)> = Vec::new();
    for (port, tensor) in description.inputs.iter().zip(inputs) {
        let Some(tensor) = tensor else { continue };
        for (dim, length) in port.dims.iter().flatten().zip(tensor.shape()) {
            let Dim::Named(dim) = dim else { continue };
            match known.iter().find(|(other, ..)| other == dim) {
                Some((_, other, first)) if other != length => {
                    let name = &port.name;
                    return Err(format!(
                        "inputs '{first}' and '{name}' must agree in their dimension '{dim}', got {other} and {length}"
                    ));
                }
                Some(_) => (),
                None => known.push((dim, *length, &port.name)),
            }
        }
    }
    Ok(())
}

fn outputs(description: &Description, asked: &[RequestedOutput]) -> Result<(Vec<bool>, Vec<usize>), String> {
    let mut wanted: Vec<bool> = description.outputs.iter().map(|_| asked.is_empty()).collect();
    let mut places = Vec::with_capacity(asked.len());
    for output in asked {
        let name = &output.name;
        let place = description.outputs.iter().position(|port| port.name == *name);
        let (Some(place), Some(slot)) = (place, place.and_then(|place| wanted.get_mut(place))) else {
            return Err(format!("output '{name}' is unknown; the model has {}", list(&description.outputs)));
        };
        if *slot {
            return Err(format!("output '{name}' is asked for twice"));
        }
        if output.parameters.get("classification").is_some() {
            return Err(format!(
                "output '{name}': the parameter 'classification' is not supported here; ask for the output itself"
            ));
        }
        *slot = true;
        places.push(place);
    }
    if asked.is_empty() {
        places = (0..wanted.len()).collect();
    }
    let made = |place: usize| wanted.iter().take(place).filter(|wanted| **wanted).count();
    let order = places.into_iter().map(made).collect();
    Ok((wanted, order))
}

fn list(ports: &[Port]) -> String {
    // A model has few tensors; one with many would make an answer of them.
    const SHOWN: usize = 16;
    let mut names: Vec<String> = ports.iter().take(SHOWN).map(|port| format!("'{}'", port.name)).collect();
    if ports.len() > SHOWN {
        names.push(format!("and {} more", ports.len() - SHOWN));
    }
    names.join(", ")
}
