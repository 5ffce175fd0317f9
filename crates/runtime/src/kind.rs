//! The kind `embedded` as configuration sees it: its keys, and settings made of them.

use std::sync::Arc;

use sluicegate_core::{Field, Mistake, Node, Settings as Opaque, Shape, UpstreamKind};

use crate::check::Limits;

/// Threads beyond this gain nothing on any machine the gateway runs on.
const MAX_THREADS: u64 = 1024;
/// The longest line.
const MAX_QUEUE: u64 = 1 << 20;
/// The least and greatest bound on sizes.
const SIZES: Shape = Shape::Size { min: 1 << 20, max: 1 << 40 };
const DEFAULT_QUEUE: usize = 64;
const DEFAULT_MODEL: u64 = 2 << 30;
const DEFAULT_TENSOR: u64 = 1 << 30;

/// The backend kind `embedded`.
pub const KIND: UpstreamKind = UpstreamKind {
    kind: "embedded",
    doc: "Runs ONNX models inside the gateway, on threads of its own: scikit-learn, XGBoost and LightGBM exports, small \
          networks, sentence encoders. Needs nothing beside the gateway; a given libonnxruntime can take over.",
    example: "local:\n  protocol: embedded\n",
    fields: FIELDS,
    remote: false,
    loads_files: true,
    decode,
};

const FIELDS: &[Field] = &[
    Field::optional(
        "threads",
        Shape::Integer { min: 1, max: MAX_THREADS },
        "the machine's processors",
        "Threads that run models. One request runs on one thread.",
    ),
    Field::optional(
        "queue",
        Shape::Integer { min: 1, max: MAX_QUEUE },
        "64",
        "Requests that may wait for a thread. One more is refused as overload (503).",
    ),
    Field::optional(
        "max_model_size",
        SIZES,
        "2GiB",
        "The largest model that is loaded, together with the files its weights are in.",
    ),
    Field::optional(
        "max_tensor_size",
        SIZES,
        "1GiB",
        "The largest tensor that a request may make a model compute, also between two of its steps; all that it holds at \
         one time may take four times as much. Not enforced inside a given libonnxruntime.",
    ),
    Field::absent(
        "onnxruntime",
        Shape::Object(ONNXRUNTIME),
        "Runs this backend's models with a given ONNX Runtime in place of the built-in engine.",
    ),
];

const ONNXRUNTIME: &[Field] = &[
    Field::required(
        "library",
        Shape::Path,
        "The shared library, for example /opt/onnxruntime/lib/libonnxruntime.so. All backends must name the same one.",
    ),
    Field::optional(
        "sessions",
        Shape::Integer { min: 1, max: MAX_THREADS },
        "the number of threads",
        "Sessions that are opened for each model, each with its own copy of the weights. A session runs one request \
         at a time.",
    ),
];

/// Settings of a backend of this kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) threads: usize,
    pub(crate) queue: usize,
    pub(crate) limits: Limits,
    pub(crate) onnxruntime: Option<OnnxRuntime>,
}

/// The ONNX Runtime that takes over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OnnxRuntime {
    pub(crate) library: String,
    pub(crate) sessions: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let limits = Limits { model: DEFAULT_MODEL, tensor: DEFAULT_TENSOR };
        Self { threads, queue: DEFAULT_QUEUE, limits, onnxruntime: None }
    }
}

fn decode(node: &Node) -> Result<Opaque, Vec<Mistake>> {
    let mut settings = Settings::default();
    let mut mistakes = Vec::new();
    if let Some(threads) = integer(node, "threads") {
        settings.threads = threads;
    }
    if let Some(queue) = integer(node, "queue") {
        settings.queue = queue;
    }
    if let Some(size) = node.get("max_model_size").and_then(Node::size) {
        settings.limits.model = size;
    }
    if let Some(size) = node.get("max_tensor_size").and_then(Node::size) {
        settings.limits.tensor = size;
    }
    if let Some(onnxruntime) = node.get("onnxruntime") {
        match onnxruntime.get("library").and_then(Node::text) {
            Some(library) => {
                let sessions = integer(onnxruntime, "sessions").unwrap_or(settings.threads);
                settings.onnxruntime = Some(OnnxRuntime { library: beside(onnxruntime, library), sessions });
            }
            None => mistakes.push(
                Mistake::at(&onnxruntime.span, "onnxruntime needs the path of its library")
                    .help("library: /path/to/libonnxruntime.so"),
            ),
        }
    }
    if mistakes.is_empty() { Ok(Arc::new(settings)) } else { Err(mistakes) }
}

/// A path relative to the file it stands in.
fn beside(node: &Node, path: &str) -> String {
    let folder = std::path::Path::new(&*node.span.file).parent().unwrap_or(std::path::Path::new(""));
    folder.join(path).to_string_lossy().into_owned()
}

fn integer(node: &Node, key: &str) -> Option<usize> {
    usize::try_from(node.get(key)?.integer()?).ok()
}
