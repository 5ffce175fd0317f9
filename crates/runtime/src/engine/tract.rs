//! The default engine: tract, with our operators in its table. A model is analysed once with its dimensions left open;
//! only one that tract cannot analyse that way is prepared again for each shape that comes, a few of them kept.

use std::sync::Arc;

use parking_lot::Mutex;
use sluicegate_core::Tensor;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::budget::Budget;
use super::favourites::{Favourites, Shapes};
use super::graph::{fixed, is_open, parse, with_plain_outputs};
use super::{Engine, RunError, Watch, convert};
use crate::check::Limits;
use crate::describe::{Description, Dim};
use crate::ops;

/// Shapes for which a model that needs it is kept prepared.
const MAX_PREPARED: usize = 8;

/// States kept for reuse; more than the threads of any sensible pool are not needed.
const MAX_IDLE: usize = 64;

/// Operators that are much faster over known shapes.
const CONVOLUTIONS: [&str; 4] = ["Conv", "ConvTranspose", "MaxPool", "AveragePool"];

/// Bytes of weights up to which a model is prepared again for shapes that come often.
const MAX_AGAIN: usize = 16 << 20;

/// A model in tract's hands.
pub(crate) struct TractEngine {
    description: Description,
    plan: Plan,
    limits: Limits,
    /// Values of inputs that may be left out, by their place.
    defaults: Vec<Option<TValue>>,
}

/// Plans for shapes that come often, and what they are made from.
struct Often {
    model: InferenceModel,
    favourites: Favourites<Prepared>,
}

enum Plan {
    /// One for every shape; and where that is much faster, some for the shapes that come most.
    Open { any: Box<Prepared>, often: Option<Box<Often>> },
    /// One for each shape.
    ByShape { model: Box<InferenceModel>, prepared: Mutex<Vec<(Shapes, Arc<Prepared>)>> },
}

/// A model ready to run.
struct Prepared {
    plan: Arc<TypedSimplePlan>,
    budget: Budget,
    /// States that ended well; one that saw a panic is not put back.
    idle: Mutex<Vec<TypedSimpleState>>,
}

impl TractEngine {
    /// Takes a checked model. Its description is made exact where the file says less than tract finds out.
    ///
    /// # Errors
    /// What tract cannot load, in words for the operator.
    pub(crate) fn load(model: &ModelProto, description: &mut Description, limits: Limits) -> Result<Self, String> {
        let (graph, defaults) = parse(model, description).map_err(|error| reason(&error))?;
        let plan = match prepare(graph.clone(), limits) {
            Ok(any) => {
                let worth = is_open(description) && convolves(model);
                let often = worth.then(|| Box::new(Often { model: graph, favourites: Favourites::new() }));
                Plan::Open { any: Box::new(any), often }
            }
            // Whether it can be prepared for some shape is known only when one comes, unless nothing is open.
            Err(error) if is_open(description) => {
                try_some(&graph, description, limits).map_err(|_| reason(&error))?;
                tracing::debug!(reason = %reason(&error), "the model is prepared again for each shape of its inputs");
                Plan::ByShape { model: Box::new(graph), prepared: Mutex::default() }
            }
            Err(error) => return Err(reason(&error)),
        };
        if let Plan::Open { any, .. } = &plan {
            refine(description, any).map_err(|error| reason(&error))?;
        }
        Ok(Self { description: description.clone(), plan, limits, defaults })
    }

    fn prepared(&self, inputs: &[TValue]) -> Result<Arc<Prepared>, RunError> {
        let Plan::ByShape { model, prepared } = &self.plan else {
            return Err(RunError::Failed("the model was prepared before".to_owned()));
        };
        let shapes = shapes(inputs);
        if let Some((_, found)) = prepared.lock().iter().find(|(known, _)| *known == shapes) {
            return Ok(Arc::clone(found));
        }
        let made = fixed(model, inputs).and_then(|model| prepare(model, self.limits));
        let made = Arc::new(made.map_err(|error| {
            tracing::debug!(reason = %reason(&error), "the model could not be prepared for a shape");
            RunError::Inputs("the model cannot take inputs of these shapes".to_owned())
        })?);
        let mut prepared = prepared.lock();
        if prepared.len() >= MAX_PREPARED {
            prepared.remove(0);
        }
        prepared.push((shapes, Arc::clone(&made)));
        Ok(made)
    }
}

impl Engine for TractEngine {
    fn platform(&self) -> &'static str {
        "onnx_tract"
    }

    fn run(&self, inputs: Vec<Option<Tensor>>, wanted: &[bool], watch: &Watch) -> Result<Vec<Tensor>, RunError> {
        let mut values = TVec::with_capacity(inputs.len());
        for ((port, input), default) in self.description.inputs.iter().zip(inputs).zip(&self.defaults) {
            values.push(match (input, default) {
                (Some(tensor), _) => convert::import(&tensor)?,
                (None, Some(default)) => default.clone(),
                (None, None) => return Err(RunError::Inputs(format!("input '{}' is missing", port.name))),
            });
        }
        let outputs = match &self.plan {
            Plan::Open { any, often } => match often.as_ref().and_then(|often| often.plan(&values, self.limits)) {
                Some(favourite) => favourite.run(values, self.limits, watch)?,
                None => any.run(values, self.limits, watch)?,
            },
            Plan::ByShape { .. } => self.prepared(&values)?.run(values, self.limits, watch)?,
        };
        self.description
            .outputs
            .iter()
            .zip(outputs.iter().zip(wanted))
            .filter(|(_, (_, wanted))| **wanted)
            .map(|(port, (value, _))| convert::export(&port.name, value))
            .collect()
    }
}

impl Often {
    fn plan(&self, inputs: &[TValue], limits: Limits) -> Option<Arc<Prepared>> {
        let prepared = || fixed(&self.model, inputs).and_then(|model| prepare(model, limits)).ok();
        self.favourites.plan(shapes(inputs), prepared)
    }
}

fn shapes(inputs: &[TValue]) -> Shapes {
    inputs.iter().map(|input| input.shape().to_vec()).collect()
}

impl Prepared {
    fn run(&self, inputs: TVec<TValue>, limits: Limits, watch: &Watch) -> Result<TVec<TValue>, RunError> {
        let idle = self.idle.lock().pop();
        let mut state = match idle {
            Some(state) => state,
            None => self.plan.spawn().map_err(|error| RunError::Failed(reason(&error)))?,
        };
        let mut held = self.budget.held();
        let outputs = state.run_plan_with_eval(inputs, |context, state, node, inputs| {
            watch.check()?;
            self.budget.before(node, &inputs, context.symbols, limits)?;
            let outputs = match state {
                Some(state) => state.eval(context, node.op(), inputs),
                None => node.op().eval(context, inputs),
            };
            let outputs = outputs.map_err(|error| failure(node, &error))?;
            held.after(node, &outputs, limits).map(|()| outputs)
        });
        match outputs {
            Ok(outputs) => {
                let mut idle = self.idle.lock();
                if idle.len() < MAX_IDLE {
                    idle.push(state);
                }
                Ok(outputs)
            }
            Err(error) => Err(match error.downcast::<RunError>() {
                Ok(error) => error,
                // tract's own words may hold values: what it refuses before any node runs are the inputs.
                Err(_) => RunError::Inputs("the inputs do not fit each other or the model".to_owned()),
            }),
        }
    }
}

// Only our own operators' words are known to hold no values.
fn failure(node: &TypedNode, error: &TractError) -> RunError {
    match error.downcast_ref::<ops::kernel::Refused>() {
        Some(refused) => RunError::Inputs(refused.to_string()),
        None => match error.downcast_ref::<RunError>() {
            Some(error) => error.clone(),
            None => RunError::Failed(format!("node '{}' ({}) failed", node.name, node.op.name())),
        },
    }
}

/// Whether plans for single shapes are worth their memory.
fn convolves(model: &ModelProto) -> bool {
    let Some(graph) = &model.graph else { return false };
    let weights: usize = graph.initializer.iter().map(|tensor| tensor.raw_data.len()).sum();
    weights <= MAX_AGAIN && graph.node.iter().any(|node| CONVOLUTIONS.contains(&node.op_type.as_str()))
}

// A model that can be prepared for no shape is refused when it is loaded, not when it is used. Where the file leaves
// even the number of dimensions open, only a request can tell.
fn try_some(model: &InferenceModel, description: &Description, limits: Limits) -> TractResult<()> {
    let mut tried = Ok(());
    for length in [1, 2, 8, 32] {
        let mut model = model.clone();
        for (place, port) in description.inputs.iter().enumerate() {
            let (Some(dims), Some(datum)) = (&port.dims, convert::datum(port.datatype)) else { return Ok(()) };
            let dims = dims.iter().map(|dim| match dim {
                Dim::Fixed(length) => usize::try_from(*length).unwrap_or(usize::MAX),
                Dim::Named(_) | Dim::Any => length,
            });
            let dims: Vec<usize> = dims.collect();
            model.set_input_fact(place, InferenceFact::dt_shape(datum, &dims))?;
        }
        tried = prepare(model, limits).map(drop);
        if tried.is_ok() {
            break;
        }
    }
    tried
}

fn prepare(model: InferenceModel, limits: Limits) -> TractResult<Prepared> {
    let mut typed = model.into_typed()?;
    with_plain_outputs(&mut typed)?;
    ops::integer_sum::put_in(&mut typed)?;
    super::guard::check_facts(&typed, limits)?;
    let plan = typed.into_optimized()?.into_runnable()?;
    let budget = Budget::new(plan.model());
    Ok(Prepared { plan, budget, idle: Mutex::default() })
}

fn refine(description: &mut Description, prepared: &Prepared) -> TractResult<()> {
    for (place, port) in description.outputs.iter_mut().enumerate() {
        let fact = prepared.plan.model().output_fact(place)?;
        port.datatype = convert::datatype(fact.datum_type)
            .with_context(|| format!("output '{}' is of a type the protocol does not have", port.name))?;
        let declared = port.dims.take().filter(|dims| dims.len() == fact.shape.rank());
        let found = fact.shape.iter().map(|dim| match dim.as_i64().and_then(|length| u64::try_from(length).ok()) {
            Some(length) => Dim::Fixed(length),
            None => Dim::Any,
        });
        port.dims = Some(match declared {
            // A declared name says more than an open length does, and a computed length more than any name.
            Some(declared) => declared
                .into_iter()
                .zip(found)
                .map(
                    |(declared, found)| {
                        if found == Dim::Any && !matches!(declared, Dim::Fixed(_)) { declared } else { found }
                    },
                )
                .collect(),
            None => found.collect(),
        });
    }
    Ok(())
}

/// An error of tract's at load, in one line. Values cannot be in it: none were sent yet.
fn reason(error: &TractError) -> String {
    const LONGEST: usize = 600;
    let mut text = format!("{error:#}").replace('\n', " ");
    if text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push_str(" ...");
    }
    text
}
