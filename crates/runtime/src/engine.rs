//! What runs a model: the narrow trait behind which the engines stand, and what can go wrong with them. Engines know
//! tensors and one model; they must not know requests by name, queues or configuration.

pub(crate) mod budget;
pub(crate) mod convert;
mod favourites;
mod graph;
pub(crate) mod guard;
pub(crate) mod library;
pub(crate) mod onnxruntime;
pub(crate) mod tract;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sluicegate_core::{Clock, Deadline, Tensor};

/// A loaded model that can be run from several threads at once.
pub(crate) trait Engine: Send + Sync {
    /// The platform's name in a model's metadata.
    fn platform(&self) -> &'static str;

    /// Runs the model on `inputs`, one a declared input in that order (`None` where it has a default and was not
    /// sent), and makes those outputs that are `wanted`, in order. Datatypes and shapes were checked before.
    fn run(&self, inputs: Vec<Option<Tensor>>, wanted: &[bool], watch: &Watch) -> Result<Vec<Tensor>, RunError>;
}

/// Why a run is to stop early.
pub(crate) struct Watch {
    clock: Arc<dyn Clock>,
    deadline: Deadline,
    dropped: Arc<AtomicBool>,
}

/// Why a model did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RunError {
    /// The inputs are not what the model can take. The words hold no values and are for the client.
    #[error("{0}")]
    Inputs(String),
    /// The engine failed. The words hold no values; they are for the operator.
    #[error("{0}")]
    Failed(String),
    /// The deadline passed.
    #[error("the deadline passed")]
    Late,
    /// Nobody waits for the answer.
    #[error("the caller left")]
    Dropped,
}

impl Watch {
    pub(crate) fn new(clock: Arc<dyn Clock>, deadline: Deadline, dropped: Arc<AtomicBool>) -> Self {
        Self { clock, deadline, dropped }
    }

    /// Refuses to go on once the answer is of no use.
    pub(crate) fn check(&self) -> Result<(), RunError> {
        if self.dropped.load(Ordering::Relaxed) {
            return Err(RunError::Dropped);
        }
        if self.clock.now() >= self.deadline.0 {
            return Err(RunError::Late);
        }
        Ok(())
    }
}
