//! A loaded model: its engine, what it declares, and the way from a request to an answer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sluicegate_core::{InferRequest, Tensor};
use tract_onnx::pb::ModelProto;

use crate::check::{self, Limits};
use crate::describe::Description;
use crate::engine::onnxruntime::OrtEngine;
use crate::engine::tract::TractEngine;
use crate::engine::{Engine, RunError, Watch};
use crate::file::{Folder, ModelFile, Stamp};
use crate::kind::Settings;
use crate::validate;

/// Stack of the thread a model is loaded on: tract's analysis recurses with the depth of the graph. Only what is used
/// of it is ever held.
const STACK: usize = 512 << 20;

/// A loaded model.
pub(crate) struct Session {
    pub(crate) description: Description,
    engine: Box<dyn Engine>,
    stamps: Vec<Stamp>,
}

/// What the pre-check has to know of tract.
const TRACT: check::graph::Engine = check::graph::Engine {
    knows: |domain, name| DOMAINS.contains(&domain) && crate::engine::guard::knows(name),
    advice: "the full ONNX Runtime may: set `onnxruntime: { library: PATH }` on the backend",
};

/// ONNX Runtime itself says which operators it has.
const ONNXRUNTIME: check::graph::Engine = check::graph::Engine { knows: |_, _| true, advice: "" };

/// Domains whose operators tract's table holds.
const DOMAINS: [&str; 4] = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"];

impl Session {
    /// Loads a model file as `settings` say.
    ///
    /// # Errors
    /// Why it cannot be loaded, in words for the operator.
    pub(crate) fn load(file: ModelFile, settings: &Settings) -> Result<Self, String> {
        apart(move || {
            let mut folder = Folder::new(file.folder);
            let Some(onnxruntime) = &settings.onnxruntime else {
                let model = check::model(&file.bytes, settings.limits, &mut folder, TRACT)?;
                drop(file.bytes);
                return Self::tract(&model, settings.limits, folder.stamps());
            };
            let model = check::model(&file.bytes, settings.limits, &mut folder, ONNXRUNTIME)?;
            drop(file.bytes);
            let mut description = Description::read(&model)?;
            let engine = OrtEngine::load(model, &mut description, onnxruntime)?;
            Ok(Self { description, engine: Box::new(engine), stamps: folder.stamps() })
        })
    }

    /// Loads a model that is whole in `bytes`, without files or threads of its own.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub(crate) fn probe(bytes: &[u8], limits: Limits) -> Result<Self, String> {
        let model = check::model(bytes, limits, &mut check::Nowhere, TRACT)?;
        Self::tract(&model, limits, Vec::new())
    }

    fn tract(model: &ModelProto, limits: Limits, stamps: Vec<Stamp>) -> Result<Self, String> {
        let mut description = Description::read(model)?;
        let engine = TractEngine::load(model, &mut description, limits)?;
        Ok(Self { description, engine: Box::new(engine), stamps })
    }

    /// Whether the files outside the model file are still those that were read.
    pub(crate) fn is_current(&self) -> bool {
        self.stamps.iter().all(Stamp::holds)
    }

    pub(crate) fn platform(&self) -> &'static str {
        self.engine.platform()
    }

    /// Answers a request: the outputs asked for, in the order asked for.
    ///
    /// # Errors
    /// Why not: see [`RunError`].
    pub(crate) fn answer(&self, request: InferRequest, watch: &Watch) -> Result<Vec<Tensor>, RunError> {
        let fitted = validate::fit(&self.description, request).map_err(RunError::Inputs)?;
        let made = self.engine.run(fitted.inputs, &fitted.wanted, watch)?;
        let mut made: Vec<Option<Tensor>> = made.into_iter().map(Some).collect();
        let outputs = fitted.order.iter().map(|place| made.get_mut(*place).and_then(Option::take));
        outputs
            .collect::<Option<_>>()
            .ok_or_else(|| RunError::Failed("the engine made another number of outputs".to_owned()))
    }
}

/// Runs `load` on a thread of its own, where a panic or a deep recursion does no harm.
pub(crate) fn apart<T: Send>(load: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
    let guarded = || match catch_unwind(AssertUnwindSafe(load)) {
        Ok(result) => result,
        Err(_) => {
            Err("the engine panicked on it: the file is damaged, or uses what the engine does not support".to_owned())
        }
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("model-load".to_owned()).stack_size(STACK);
        match thread.spawn_scoped(scope, guarded) {
            Ok(thread) => thread.join().unwrap_or_else(|_| Err("the loading thread ended without a word".to_owned())),
            Err(error) => Err(format!("no thread to load it on: {error}")),
        }
    })
}
