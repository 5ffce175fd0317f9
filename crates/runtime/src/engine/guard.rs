//! Holds tract back at load: it evaluates what is constant, however large that is. Each operator of its table gets a
//! guard that looks at the shapes that are about to be made and refuses what is over the bound, before it is made.

use std::collections::HashMap as Map;
use std::sync::OnceLock;

use tract_onnx::model::{OnnxOpRegister, ParsingContext};
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_hir::internal::*;

use crate::check::Limits;
use crate::ops::Builder;

/// Bytes that one constant may grow to while a model is loaded, and all of them together, beyond what the file holds.
pub(crate) const MAX_CONSTANT: u64 = 1 << 30;

/// Operators as they stood in the table before the guard was put around them.
static TABLE: OnceLock<Map<String, Builder>> = OnceLock::new();

/// tract's operator, and the look at its shapes.
#[derive(Clone, Debug)]
struct Guarded {
    op: Box<dyn InferenceOp>,
    /// Whether an input tells the size of what it makes.
    sized: bool,
}

/// Operators that make as much as an input's values say.
const SIZED: [&str; 5] = ["ConstantOfShape", "Expand", "Range", "Reshape", "Tile"];

/// Puts a guard around every operator of the table.
pub(crate) fn put_around(table: &mut OnnxOpRegister) {
    let builders = TABLE.get_or_init(|| table.0.iter().map(|(name, builder)| (name.clone(), *builder)).collect());
    for name in builders.keys() {
        table.0.insert(name.clone(), build);
    }
}

/// Whether an operator of this name can be built.
pub(crate) fn knows(name: &str) -> bool {
    TABLE.get_or_init(full).contains_key(name)
}

fn full() -> Map<String, Builder> {
    let mut onnx = tract_onnx::onnx();
    crate::ops::register(&mut onnx.op_register);
    onnx.op_register.0.iter().map(|(name, builder)| (name.clone(), *builder)).collect()
}

fn build(context: &ParsingContext, node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let builder = TABLE.get_or_init(full).get(&node.op_type).context("the operator is not in the table")?;
    let (op, closures) = builder(context, node)?;
    let sized = SIZED.contains(&node.op_type.as_str());
    Ok((Box::new(Guarded { op, sized }), closures))
}

/// Refuses a model whose constant shapes already are over the bounds.
pub(crate) fn check_facts(model: &TypedModel, limits: Limits) -> TractResult<()> {
    for node in model.nodes() {
        // tract has no kernel for these, and finds out by a panic.
        let wide =
            node.outputs.iter().any(|output| [i64::datum_type(), u64::datum_type()].contains(&output.fact.datum_type));
        ensure!(!(wide && node.op_is::<EinSum>()), "'{}' is a matrix product of 64-bit integers", node.name);
        for output in &node.outputs {
            let Some(shape) = output.fact.shape.as_concrete() else { continue };
            bounded(&node.name, bytes(shape.iter().copied(), output.fact.datum_type), limits.tensor.max(limits.model))?;
        }
    }
    Ok(())
}

fn bounded(name: &str, size: Option<u64>, limit: u64) -> TractResult<()> {
    match size {
        Some(size) if size <= limit => Ok(()),
        _ => bail!("'{name}' makes a tensor larger than {limit} bytes"),
    }
}

/// Refuses constant integers that tract, which counts dimensions in 32 bits, would take for others.
fn small(inputs: &[&InferenceFact]) -> TractResult<()> {
    for value in inputs.iter().filter_map(|fact| fact.value.concretize()) {
        if value.datum_type() == i64::datum_type() {
            let view = value.try_as_plain_ram()?;
            let fits = view.as_slice::<i64>()?.iter().all(|number| i32::try_from(*number).is_ok());
            ensure!(fits, "asks for a tensor of more than 2^31 elements");
        }
    }
    Ok(())
}

/// Bytes of a tensor, `None` where they cannot be counted.
pub(crate) fn bytes(shape: impl Iterator<Item = usize> + Clone, datum: DatumType) -> Option<u64> {
    // An empty tensor may have any other dimensions.
    if shape.clone().any(|dimension| dimension == 0) {
        return Some(0);
    }
    let size = u64::try_from(datum.size_of()).ok()?;
    shape.into_iter().try_fold(size, |product, dimension| product.checked_mul(u64::try_from(dimension).ok()?))
}

impl PartialEq for Guarded {
    fn eq(&self, _other: &Self) -> bool {
        // Inference operators are compared only to merge equal ones, which is not needed.
        false
    }
}

impl Eq for Guarded {}

impl Op for Guarded {
    fn name(&self) -> StaticName {
        self.op.name()
    }

    fn as_typed(&self) -> Option<&dyn TypedOp> {
        self.op.as_op().as_typed()
    }
}

impl EvalOp for Guarded {
    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.op.as_op().eval(context, inputs)
    }

    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        self.op.as_op().eval_out_of_plan(inputs)
    }

    fn state(&self, context: &EvalContext) -> TractResult<Option<Box<dyn OpState>>> {
        self.op.as_op().state(context)
    }
}

impl InferenceOp for Guarded {
    fn infer(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(TVec<InferenceFact>, TVec<InferenceFact>, TVec<InferenceFact>)> {
        if self.sized {
            small(&inputs)?;
        }
        // Only what is all constant is evaluated here; then the shapes are known, or the evaluation is not let happen.
        if !inputs.is_empty() && inputs.iter().all(|fact| fact.value.concretize().is_some()) {
            let (found, made, seen) = self.op.infer_facts(inputs.clone(), outputs.clone(), observed.clone())?;
            for fact in &made {
                let shape = fact
                    .shape
                    .concretize()
                    .map(|dims| dims.iter().map(|dim| dim.to_usize().ok()).collect::<Option<Vec<usize>>>());
                match (shape, fact.datum_type.concretize()) {
                    (Some(Some(shape)), Some(datum)) => {
                        bounded(&self.op.name(), bytes(shape.into_iter(), datum), MAX_CONSTANT)?;
                    }
                    _ => return Ok((found, made, seen)),
                }
            }
        }
        self.op.infer(inputs, outputs, observed)
    }

    fn observe_outlets(&self, model: &InferenceModel, node: &InferenceNode) -> TractResult<Vec<OutletId>> {
        self.op.observe_outlets(model, node)
    }

    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(TVec<InferenceFact>, TVec<InferenceFact>, TVec<InferenceFact>)> {
        self.op.infer_facts(inputs, outputs, observed)
    }

    fn incorporate(&self, model: &InferenceModel, node: &InferenceNode) -> TractResult<Option<InferenceModelPatch>> {
        self.op.incorporate(model, node)
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.op.nboutputs()
    }

    fn as_op(&self) -> &dyn Op {
        self.op.as_op()
    }

    fn as_op_mut(&mut self) -> &mut dyn Op {
        self.op.as_op_mut()
    }

    fn to_typed(
        &self,
        source: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        self.op.to_typed(source, node, target, mapping)
    }
}
