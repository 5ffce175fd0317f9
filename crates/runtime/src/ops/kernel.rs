//! The joint between our operators and tract: a kernel says what it makes of its inputs' types and shapes, and
//! computes it; [`KernelOp`] is tract's operator around it. Kernels know tensors, never graphs or requests.

use std::borrow::Cow;
use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::{as_op, op_as_typed_op, op_out_of_plan};
use tract_onnx::tract_hir::internal::*;

/// What is known of a tensor before any value is: its type and its shape, which may hold symbols.
#[derive(Clone, Debug)]
pub(crate) struct Outline {
    pub(crate) datum: DatumType,
    pub(crate) shape: TVec<TDim>,
}

/// An operator that keeps nothing between calls.
pub(crate) trait Kernel: std::fmt::Debug + Send + Sync + 'static {
    /// The operator's name in ONNX.
    fn name(&self) -> &'static str;

    /// How many outputs it has.
    fn outputs(&self) -> usize {
        1
    }

    /// Types and shapes of the outputs.
    fn outline(&self, inputs: &[Outline]) -> TractResult<TVec<Outline>>;

    /// The outputs. Inputs have the types and ranks that `outline` agreed to.
    fn run(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>>;
}

/// A failure whose words hold no input values, so that a client may read them.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) String);

/// tract's operator around a kernel.
#[derive(Clone, Debug)]
pub(crate) struct KernelOp(Arc<dyn Kernel>);

/// An operator for tract's table.
pub(crate) fn operator(kernel: impl Kernel) -> Box<dyn InferenceOp> {
    Box::new(kernel_op(kernel))
}

/// tract's operator around `kernel`.
pub(crate) fn kernel_op(kernel: impl Kernel) -> KernelOp {
    KernelOp(Arc::new(kernel))
}

/// The input at `index`.
pub(crate) fn input<'a, T: ?Sized>(inputs: &[&'a T], index: usize) -> TractResult<&'a T> {
    inputs.get(index).copied().with_context(|| format!("input {index} is missing"))
}

/// The outline of the input at `index`.
pub(crate) fn outline(inputs: &[Outline], index: usize) -> TractResult<&Outline> {
    inputs.get(index).with_context(|| format!("input {index} is missing"))
}

/// An error that a client may read.
pub(crate) fn refused(message: impl Into<String>) -> TractError {
    TractError::new(Refused(message.into()))
}

impl Outline {
    pub(crate) fn new(datum: DatumType, shape: impl IntoIterator<Item = TDim>) -> Self {
        Self { datum, shape: shape.into_iter().collect() }
    }

    /// Rows and columns: rank 2 as it is, rank 1 is one row.
    pub(crate) fn matrix(&self) -> TractResult<(TDim, TDim)> {
        match &*self.shape {
            [columns] => Ok((1.to_dim(), columns.clone())),
            [rows, columns] => Ok((rows.clone(), columns.clone())),
            _ => bail!("takes one or two dimensions, got {}", self.shape.len()),
        }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl KernelOp {
    fn outlines(&self, inputs: &[Outline]) -> TractResult<TVec<Outline>> {
        let outlines = self.0.outline(inputs).with_context(|| format!("operator {}", self.0.name()))?;
        ensure!(outlines.len() == self.0.outputs(), "operator {}: wrong number of outputs", self.0.name());
        Ok(outlines)
    }
}

// tract writes dimensions and what is computed from them as `TDim`; to a kernel they are the integers they stand for.
fn plain(datum: DatumType) -> DatumType {
    if datum == TDim::datum_type() { i64::datum_type() } else { datum }
}

/// Wires that hold dimensions, made to hold the integers they stand for while a request runs.
pub(crate) fn plain_wires(model: &mut TypedModel, name: &str, wires: &[OutletId]) -> TractResult<TVec<OutletId>> {
    let mut plain = TVec::new();
    for (place, wire) in wires.iter().enumerate() {
        if model.outlet_fact(*wire)?.datum_type == TDim::datum_type() {
            let cast = tract_onnx::tract_core::ops::cast::cast(i64::datum_type());
            plain.extend(model.wire_node(format!("{name}.plain.{place}"), cast, &[*wire])?);
        } else {
            plain.push(*wire);
        }
    }
    Ok(plain)
}

impl PartialEq for KernelOp {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for KernelOp {}

impl Op for KernelOp {
    fn name(&self) -> StaticName {
        self.0.name().into()
    }

    op_as_typed_op!();
}

impl EvalOp for KernelOp {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let inputs: Vec<Cow<'_, Tensor>> = inputs
            .iter()
            .map(|value| {
                if value.datum_type() == TDim::datum_type() {
                    value.cast_to::<i64>()
                } else {
                    Ok(Cow::Borrowed(&**value))
                }
            })
            .collect::<TractResult<_>>()?;
        let inputs: Vec<&Tensor> = inputs.iter().map(|value| &**value).collect();
        Ok(self.0.run(&inputs)?.into_iter().map(IntoTValue::into_tvalue).collect())
    }
}

impl TypedOp for KernelOp {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let inputs: Vec<Outline> =
            inputs.iter().map(|fact| Outline::new(plain(fact.datum_type), fact.shape.iter().cloned())).collect();
        Ok(self.outlines(&inputs)?.into_iter().map(|outline| outline.datum.fact(&*outline.shape)).collect())
    }

    as_op!();
}

impl InferenceOp for KernelOp {
    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(TVec<InferenceFact>, TVec<InferenceFact>, TVec<InferenceFact>)> {
        let known: Option<Vec<Outline>> = inputs
            .iter()
            .map(|fact| Some(Outline::new(plain(fact.datum_type.concretize()?), fact.shape.concretize()?)))
            .collect();
        let outputs = match known {
            Some(known) => self
                .outlines(&known)?
                .into_iter()
                .map(|outline| InferenceFact::dt_shape(outline.datum, outline.shape))
                .collect(),
            None => outputs.into_iter().cloned().collect(),
        };
        Ok((inputs.into_iter().cloned().collect(), outputs, observed.into_iter().cloned().collect()))
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.0.outputs())
    }

    fn to_typed(
        &self,
        _source: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        let mut inputs = TVec::new();
        for outlet in &node.inputs {
            inputs.push(mapping.get(outlet).copied().context("an input was not translated")?);
        }
        let inputs = plain_wires(target, &node.name, &inputs)?;
        target.wire_node(&*node.name, self.clone(), &inputs)
    }

    as_op!();
}
