//! The upstream port over loaded models.

use std::collections::HashMap;
use std::sync::Arc;

use sluicegate_core::{
    BackendModel, BoxFuture, Call, CallBody, CallClass, CallError, Endpoint, InferResponse, Inquiry, ModelMetadata,
    Protocol, Reply, Sent, Upstream,
};

use crate::engine::RunError;
use crate::pool::{JobError, Pool};
use crate::session::Session;

/// The models of one backend.
pub(crate) struct Embedded {
    pub(crate) pool: Arc<Pool>,
    pub(crate) models: HashMap<BackendModel, Arc<Session>>,
}

impl Embedded {
    fn find(&self, model: &BackendModel) -> Result<&Arc<Session>, CallError> {
        self.models.get(model).ok_or_else(|| {
            let version = model.version.as_deref().unwrap_or("none");
            let cause = format!("model '{}' version {version} is not loaded on this backend", model.name);
            CallError::new(CallClass::NotFound, Sent::Nothing, cause)
        })
    }

    async fn infer(&self, call: Call) -> Result<Reply, CallError> {
        let CallBody::Tensors(request) = call.body else {
            let cause = "the embedded runtime takes decoded tensors, not bytes of a protocol";
            return Err(CallError::new(CallClass::Client, Sent::Nothing, cause));
        };
        let session = Arc::clone(self.find(&call.model)?);
        let id = request.id.clone();
        let outputs =
            self.pool.run(call.deadline, move |watch| session.answer(Arc::unwrap_or_clone(request), watch)).await;
        let outputs = outputs.map_err(|error| failure(&call.model, error))?;
        let response = InferResponse {
            model_name: call.model.name.to_string(),
            model_version: call.model.version.as_deref().map(str::to_owned),
            id,
            parameters: sluicegate_core::Parameters::default(),
            outputs,
        };
        Ok(Reply::Tensors(response, None))
    }
}

fn failure(model: &BackendModel, error: JobError) -> CallError {
    let name = &model.name;
    match error {
        JobError::Full => CallError::new(
            CallClass::Pushback,
            Sent::Nothing,
            "the embedded runtime's queue is full: raise `queue` or `threads`, or send less",
        )
        .telling("the runtime is busy; try again"),
        JobError::Expired => {
            CallError::new(CallClass::Timeout, Sent::Nothing, "the deadline passed while the request waited its turn")
        }
        JobError::Panicked => {
            CallError::new(CallClass::Server, Sent::All, format!("the engine panicked while running model '{name}'"))
                .telling("the model failed on this request")
        }
        JobError::Run(RunError::Inputs(message)) => {
            CallError::new(CallClass::Client, Sent::All, format!("model '{name}': {message}")).telling(message)
        }
        JobError::Run(RunError::Failed(message)) => {
            CallError::new(CallClass::Server, Sent::All, format!("model '{name}': {message}"))
                .telling("the model failed on this request")
        }
        JobError::Run(RunError::Late) => {
            CallError::new(CallClass::Timeout, Sent::All, format!("the deadline passed while model '{name}' ran"))
        }
        JobError::Run(RunError::Dropped) => {
            CallError::new(CallClass::Timeout, Sent::All, "the caller left while the model ran")
        }
    }
}

impl Upstream for Embedded {
    fn native(&self) -> Option<Protocol> {
        None
    }

    fn call<'a>(&'a self, _endpoint: &'a Endpoint, call: Call) -> BoxFuture<'a, Result<Reply, CallError>> {
        Box::pin(self.infer(call))
    }

    fn metadata<'a>(
        &'a self,
        _endpoint: &'a Endpoint,
        inquiry: Inquiry,
    ) -> BoxFuture<'a, Result<Option<ModelMetadata>, CallError>> {
        let found = self.find(&inquiry.model).map(|session| {
            let description = &session.description;
            Some(ModelMetadata {
                name: inquiry.model.name.to_string(),
                versions: inquiry.model.version.iter().map(|version| version.to_string()).collect(),
                platform: session.platform().to_owned(),
                inputs: description.inputs.iter().map(crate::describe::Port::metadata).collect(),
                outputs: description.outputs.iter().map(crate::describe::Port::metadata).collect(),
                properties: description.properties.clone(),
            })
        });
        Box::pin(std::future::ready(found))
    }

    fn ready<'a>(&'a self, _endpoint: &'a Endpoint, inquiry: Inquiry) -> BoxFuture<'a, Result<bool, CallError>> {
        // A model is in the map only once it is loaded.
        Box::pin(std::future::ready(self.find(&inquiry.model).map(|_| true)))
    }
}
