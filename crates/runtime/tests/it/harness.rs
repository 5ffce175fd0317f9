//! Builds upstreams over files, sends requests, reads reference answers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use sluicegate_core::{
    BackendModel, BackendPlan, BuildError, BuildUpstream, Call, CallBody, CallError, Clock, Deadline, Endpoint,
    InferRequest, InferResponse, Inquiry, LoadedModel, ModelMetadata, ModelSource, Node, Operation, Reply, Span,
    Tensor, Upstream, Value as Written,
};
use sluicegate_runtime::{Factory, KIND};

pub use crate::tensors::{Reference, inputs, read, reference, tensor, unhex, values};

/// The machine's clock.
pub struct Real;

impl Clock for Real {
    #[expect(clippy::disallowed_methods, reason = "the tests' one real clock")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[expect(clippy::disallowed_methods, reason = "the tests' one real clock")]
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// An upstream with one model, `m`.
pub struct One {
    pub upstream: Arc<dyn Upstream>,
    pub endpoint: Endpoint,
}

pub fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models")
}

pub fn span() -> Span {
    Span { file: "gateway.yaml".into(), line: 3, column: 7 }
}

fn scalar(text: &str) -> Node {
    Node { value: Written::Scalar(text.to_owned()), span: span() }
}

/// A node of scalars, `a.b` standing for `b` below `a`.
pub fn node(keys: &[(&str, &str)]) -> Node {
    let mut entries: Vec<(String, Span, Node)> = Vec::new();
    for (key, value) in keys {
        match key.split_once('.') {
            None => entries.push(((*key).to_owned(), span(), scalar(value))),
            Some((outer, inner)) => {
                let entry = (inner.to_owned(), span(), scalar(value));
                match entries.iter_mut().find(|(name, ..)| name == outer) {
                    Some((_, _, Node { value: Written::Map(below), .. })) => below.push(entry),
                    _ => entries.push((
                        outer.to_owned(),
                        span(),
                        Node { value: Written::Map(vec![entry]), span: span() },
                    )),
                }
            }
        }
    }
    Node { value: Written::Map(entries), span: span() }
}

pub fn model() -> BackendModel {
    BackendModel { name: "m".into(), version: Some("1".into()) }
}

pub fn plan(files: &[(&str, &Path, &str)], keys: &[(&str, &str)]) -> BackendPlan {
    let models = files.iter().map(|(name, path, digest)| LoadedModel {
        model: BackendModel { name: (*name).into(), version: Some("1".into()) },
        source: Some(ModelSource { path: path.to_str().unwrap().into(), digest: (*digest).into(), span: span() }),
    });
    let node = node(keys);
    BackendPlan {
        name: "local".into(),
        kind: KIND.kind,
        settings: (KIND.decode)(&node).unwrap(),
        fingerprint: node.canonical(),
        span: span(),
        endpoints: vec![endpoint()],
        connect_timeout: Duration::from_secs(1),
        models: models.collect(),
    }
}

pub fn endpoint() -> Endpoint {
    Endpoint { authority: "local".into(), prefix: "".into(), host: None, tls: None }
}

pub fn try_load(path: &Path, keys: &[(&str, &str)]) -> Result<One, Vec<BuildError>> {
    let upstream = Factory::new(Arc::new(Real)).build(&plan(&[("m", path, "")], keys))?;
    Ok(One { upstream, endpoint: endpoint() })
}

/// The keys that let the given libonnxruntime take over.
pub fn onnxruntime() -> Vec<(&'static str, &'static str)> {
    let library: &'static str =
        env("SLUICEGATE_ONNXRUNTIME", "a libonnxruntime.so, as in the Python package onnxruntime").leak();
    vec![("threads", "1"), ("onnxruntime.library", library)]
}

/// What `cargo xtask test` sets. A missing one is a failure, never a reason to skip.
pub fn env(name: &str, what: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: it must name {what}. `cargo xtask test` sets it"))
}

pub fn load(path: &Path) -> One {
    try_load(path, &[("threads", "1")]).unwrap_or_else(|errors| panic!("{}: {errors:?}", path.display()))
}

pub fn call(request: InferRequest, deadline: Duration) -> Call {
    Call {
        operation: Operation::Infer,
        model: model(),
        body: CallBody::from(request),
        headers: sluicegate_core::Fields::new(),
        deadline: Deadline(Real.now() + deadline),
    }
}

impl One {
    pub async fn infer(&self, request: InferRequest) -> Result<InferResponse, CallError> {
        match self.upstream.call(&self.endpoint, call(request, Duration::from_secs(60))).await? {
            Reply::Tensors(response, _) => Ok(response),
            Reply::Wire(_) | Reply::Unnamed(..) => panic!("tensors came in, bytes went out"),
        }
    }

    pub async fn metadata(&self) -> ModelMetadata {
        let inquiry = Inquiry {
            model: model(),
            headers: sluicegate_core::Fields::new(),
            deadline: Deadline(Real.now() + Duration::from_secs(60)),
        };
        self.upstream.metadata(&self.endpoint, inquiry).await.unwrap().unwrap()
    }
}

pub fn request(inputs: Vec<Tensor>) -> InferRequest {
    InferRequest { inputs, ..InferRequest::default() }
}
