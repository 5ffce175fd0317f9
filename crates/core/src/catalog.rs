//! The kinds of things that can be plugged in, known to configuration, documentation and the binary through one list.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use crate::{BackendModel, Endpoint, Field, Mistake, Node, Span, Upstream};

/// What can be plugged in.
#[derive(Clone, Copy, Debug)]
pub struct Catalog {
    /// Values of a backend's key `protocol`.
    pub upstreams: &'static [UpstreamKind],
}

/// A kind of backend, as configuration sees it.
#[derive(Clone, Copy)]
pub struct UpstreamKind {
    /// The value of `protocol`.
    pub kind: &'static str,
    /// What it is, in a sentence or two.
    pub doc: &'static str,
    /// A YAML example of a backend of this kind, as it stands below `backends:`.
    pub example: &'static str,
    /// Its keys beside the common ones.
    pub fields: &'static [Field],
    /// Whether it has endpoints to be reached over a network.
    pub remote: bool,
    /// Whether a model's version names a file (`source`) that the gateway loads itself.
    pub loads_files: bool,
    /// Makes settings of a node that was checked against `fields`.
    pub decode: fn(&Node) -> Result<Settings, Vec<Mistake>>,
}

/// Settings that only their own kind can read.
pub type Settings = Arc<dyn Any + Send + Sync>;

/// A backend, resolved, ready to be built.
#[derive(Clone)]
pub struct BackendPlan {
    /// Its configured name.
    pub name: Arc<str>,
    /// Its kind (`protocol`).
    pub kind: &'static str,
    /// What its kind made of its node.
    pub settings: Settings,
    /// The node in canonical spelling: equal text, equal settings.
    pub fingerprint: String,
    /// Where it stands.
    pub span: Span,
    /// Its addresses; for a kind that is not remote, one that only bears its name.
    pub endpoints: Vec<Endpoint>,
    /// How long a connect may take.
    pub connect_timeout: Duration,
    /// The models that point to this backend.
    pub models: Vec<LoadedModel>,
}

/// A model's version on a backend.
#[derive(Clone, Debug)]
pub struct LoadedModel {
    /// By the backend's names.
    pub model: BackendModel,
    /// Its file, for kinds that load files.
    pub source: Option<ModelSource>,
}

/// A model file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSource {
    /// Path that can be opened: relative paths are already joined with their configuration file's folder.
    pub path: Arc<str>,
    /// SHA-256 of the file when the sources were gathered, in hexadecimal; empty where it could not be read.
    pub digest: Arc<str>,
    /// Where the path stands in the configuration.
    pub span: Span,
}

/// Why a backend could not be built.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct BuildError {
    /// Where the cause stands in the configuration.
    pub span: Span,
    /// What is wrong and what to do.
    pub message: String,
}

/// Builds upstreams of one kind. Lives as long as the process, so that it can carry equal parts (sessions, pools) from
/// one generation to the next. Called on the slow side; may read files and use the processor.
pub trait BuildUpstream: Send + Sync {
    /// Builds `plan`.
    ///
    /// # Errors
    /// Every part that could not be built, each with its place.
    fn build(&self, plan: &BackendPlan) -> Result<Arc<dyn Upstream>, Vec<BuildError>>;
}

impl Catalog {
    /// The kind of backend that `protocol: kind` names.
    #[must_use]
    pub fn upstream(&self, kind: &str) -> Option<&'static UpstreamKind> {
        self.upstreams.iter().find(|entry| entry.kind == kind)
    }
}

impl std::fmt::Debug for UpstreamKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("UpstreamKind").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for BackendPlan {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("BackendPlan")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
