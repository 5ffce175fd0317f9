//! Sums of 64-bit integers: tract adds up integers of every width in 32 bits.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer};
use tract_onnx::tract_hir::internal::*;

use super::kernel::{Kernel, Outline, input, kernel_op, outline};

#[derive(Debug)]
struct IntegerSum {
    axes: Vec<usize>,
}

/// Puts our sum in the place of each of tract's over 64-bit integers.
pub(crate) fn put_in(model: &mut TypedModel) -> TractResult<()> {
    for id in 0..model.nodes().len() {
        let Some(reduce) = model.node(id).op_as::<Reduce>() else { continue };
        let wide = model.node_input_facts(id)?.first().is_some_and(|fact| fact.datum_type == i64::datum_type());
        if reduce.reducer == Reducer::Sum && wide {
            let axes = reduce.axes.to_vec();
            model.node_mut(id).op = Box::new(kernel_op(IntegerSum { axes }));
        }
    }
    Ok(())
}

impl Kernel for IntegerSum {
    fn name(&self) -> &'static str {
        "ReduceSum"
    }

    fn outline(&self, inputs: &[Outline]) -> TractResult<TVec<Outline>> {
        let mut shape = outline(inputs, 0)?.shape.clone();
        for axis in &self.axes {
            *shape.get_mut(*axis).context("sums over a dimension that is not there")? = 1.to_dim();
        }
        Ok(tvec!(Outline { datum: i64::datum_type(), shape }))
    }

    fn run(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let mut array = input(inputs, 0)?.to_plain_array_view::<i64>()?.to_owned();
        for axis in &self.axes {
            let axis = tract_ndarray::Axis(*axis);
            // Overflow wraps, as it does in the reference.
            array = array.fold_axis(axis, 0_i64, |sum: &i64, value| sum.wrapping_add(*value)).insert_axis(axis);
        }
        Ok(tvec!(array.into()))
    }
}
