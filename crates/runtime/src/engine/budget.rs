//! Bounds what a run may make: before each node, the sizes of what it is about to put out are computed from the
//! request's own dimensions, and one that is over the bound ends the run. No allocation is tried first. What stays
//! alive between nodes is counted too.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::array::{MultiBroadcastTo, Range, Tile};

use super::RunError;
use super::guard::bytes;
use crate::check::Limits;

/// All tensors that a run holds at one time may take this many times the bound for one.
const HELD: u64 = 4;

/// Which nodes need a look, and how many others read each.
pub(crate) struct Budget {
    looks: Vec<bool>,
    readers: Vec<u32>,
}

/// What one run holds.
pub(crate) struct Held {
    /// Readers still to come, by node.
    readers: Vec<u32>,
    /// Bytes, by node.
    bytes: Vec<u64>,
    sum: u64,
}

impl Budget {
    /// Nodes whose outputs have known sizes were looked at when the model was loaded.
    pub(crate) fn new(model: &TypedModel) -> Self {
        let looks = |node: &TypedNode| node.outputs.iter().any(|output| !output.fact.shape.is_concrete());
        let readers = |node: &TypedNode| node.outputs.iter().map(|output| output.successors.len()).sum::<usize>();
        let readers = |node: &TypedNode| u32::try_from(readers(node)).unwrap_or(u32::MAX);
        Self { looks: model.nodes().iter().map(looks).collect(), readers: model.nodes().iter().map(readers).collect() }
    }

    /// For a run about to begin.
    pub(crate) fn held(&self) -> Held {
        Held { readers: self.readers.clone(), bytes: vec![0; self.readers.len()], sum: 0 }
    }

    /// Refuses `node` where what it would make is too large.
    pub(crate) fn before(
        &self,
        node: &TypedNode,
        inputs: &[TValue],
        symbols: &SymbolValues,
        limits: Limits,
    ) -> Result<(), RunError> {
        if !self.looks.get(node.id).copied().unwrap_or(true) {
            return Ok(());
        }
        for output in &node.outputs {
            let shape = output.fact.shape.eval_to_usize(symbols);
            let size = match &shape {
                Ok(shape) => bytes(shape.iter().copied(), output.fact.datum_type),
                // A dimension that only the values tell.
                Err(_) => told_by_values(node, inputs, output.fact.datum_type),
            };
            if size.is_none_or(|size| size > limits.tensor) {
                let limit = limits.tensor;
                return Err(RunError::Inputs(format!(
                    "these inputs make the model compute a tensor larger than {limit} bytes, which is not allowed here"
                )));
            }
        }
        Ok(())
    }
}

impl Held {
    /// Takes note of what `node` made, and of what it was the last to read.
    pub(crate) fn after(&mut self, node: &TypedNode, outputs: &[TValue], limits: Limits) -> Result<(), RunError> {
        let made = outputs.iter().filter_map(|output| bytes(output.shape().iter().copied(), output.datum_type())).sum();
        if let Some(slot) = self.bytes.get_mut(node.id) {
            *slot = made;
        }
        self.sum = self.sum.saturating_add(made);
        for input in &node.inputs {
            let (Some(readers), Some(bytes)) = (self.readers.get_mut(input.node), self.bytes.get_mut(input.node))
            else {
                continue;
            };
            *readers = readers.saturating_sub(1);
            if *readers == 0 {
                self.sum = self.sum.saturating_sub(std::mem::take(bytes));
            }
        }
        let limit = limits.tensor.saturating_mul(HELD);
        if self.sum > limit {
            return Err(RunError::Inputs(format!(
                "these inputs make the model hold more than {limit} bytes at one time, which is not allowed here"
            )));
        }
        Ok(())
    }
}

/// The size of what a node makes whose shape is among its inputs' values; nodes not named here make no more than they
/// are given.
fn told_by_values(node: &TypedNode, inputs: &[TValue], datum: DatumType) -> Option<u64> {
    let integers = |place: usize| -> Option<Vec<usize>> {
        let cast = inputs.get(place)?.cast_to::<i64>().ok()?;
        let view = cast.try_as_plain_ram().ok()?;
        view.as_slice::<i64>().ok()?.iter().map(|value| usize::try_from(*value).ok()).collect()
    };
    if node.op_is::<MultiBroadcastTo>() {
        return bytes(integers(1)?.into_iter(), datum);
    }
    if node.op_is::<Tile>() {
        let given = inputs.first()?.shape().iter().copied();
        return bytes(given.chain(inputs.get(1).and_then(|_| integers(1)).into_iter().flatten()), datum);
    }
    if node.op_is::<Range>() {
        let number = |place: usize| inputs.get(place)?.cast_to_scalar::<f64>().ok();
        let count = ((number(1)? - number(0)?) / number(2)?).ceil().max(0.0);
        // Above 2^53 nothing could be held anyway.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a double casts to the nearest")]
        return (count.is_finite() && count < 9e15).then_some(count as u64)?.checked_mul(datum.size_of() as u64);
    }
    inputs.iter().try_fold(0_u64, |sum, input| sum.checked_add(bytes(input.shape().iter().copied(), datum)?))
}
