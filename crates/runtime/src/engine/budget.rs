//! Bounds what a run may make: before each node, the sizes of what it is about to put out are computed from the
//! request's own dimensions, and one that is over the bound ends the run. No allocation is tried first.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::array::{MultiBroadcastTo, Range, Tile};

use super::RunError;
use super::guard::bytes;
use crate::check::Limits;

/// Which nodes need a look.
pub(crate) struct Budget {
    looks: Vec<bool>,
}

impl Budget {
    /// Nodes whose outputs have known sizes were looked at when the model was loaded.
    pub(crate) fn new(model: &TypedModel) -> Self {
        let looks = |node: &TypedNode| node.outputs.iter().any(|output| !output.fact.shape.is_concrete());
        Self { looks: model.nodes().iter().map(looks).collect() }
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
                return Err(RunError::Inputs(format!(
                    "these inputs make the model compute a tensor larger than {} bytes, which is not allowed here",
                    limits.tensor
                )));
            }
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
