//! A model by itself, without queue, threads or port: for measurements, and for whoever wants to try a file.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use sluicegate_core::{Clock, Deadline, InferRequest, Tensor};

use crate::engine::Watch;
use crate::file;
use crate::kind::{OnnxRuntime, Settings};
use crate::session::Session;

/// How long a run may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// A loaded model that runs on the caller's thread.
pub struct Model {
    session: Session,
    clock: Arc<dyn Clock>,
}

impl Model {
    /// Loads the model file at `path` under the default bounds: into the built-in engine, or into the ONNX Runtime
    /// whose library is given.
    ///
    /// # Errors
    /// Why it cannot be loaded, in words for the operator.
    pub fn load(path: &str, library: Option<&str>, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let onnxruntime = library.map(|library| OnnxRuntime { library: library.to_owned(), sessions: 1 });
        let settings = Settings { onnxruntime, ..Settings::default() };
        let session = Session::load(file::read(path, "", settings.limits)?, &settings)?;
        Ok(Self { session, clock })
    }

    /// The engine's name, as in a model's metadata.
    #[must_use]
    pub fn platform(&self) -> &'static str {
        self.session.platform()
    }

    /// Answers a request.
    ///
    /// # Errors
    /// Why not, in words that hold no input values.
    pub fn answer(&self, request: InferRequest) -> Result<Vec<Tensor>, String> {
        let deadline = Deadline(self.clock.now() + PATIENCE);
        let watch = Watch::new(Arc::clone(&self.clock), deadline, Arc::new(AtomicBool::new(false)));
        self.session.answer(request, &watch).map_err(|error| error.to_string())
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Model").field("platform", &self.platform()).finish_non_exhaustive()
    }
}
