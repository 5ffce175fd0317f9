//! One generation of the gateway's configuration, compiled. Immutable but for shared counters; a request holds one
//! snapshot from its first stage to its last byte.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use http::HeaderValue;
use sluicegate_config::{Method, StreamTimes};
use sluicegate_core::{BackendModel, BackendPlan, Endpoint, NonFinite, Protocol, Upstream};
use sluicegate_wire::Limits;

use crate::affinity::{Full, Place, Sequences};
use crate::counters::Counters;

/// A generation.
pub struct Snapshot {
    /// Counts generations of this process, from one; zero before the first.
    pub(crate) generation: u64,
    /// Digest of the configuration and all files it names.
    pub(crate) digest: Arc<str>,
    /// When it was installed.
    pub(crate) since: SystemTime,
    pub(crate) listeners: HashMap<Arc<str>, Arc<Door>>,
    /// How long a client that keeps a stream of requests open may be silent.
    pub(crate) silence: Duration,
    pub(crate) models: HashMap<Arc<str>, Arc<Model>>,
    pub(crate) backends: HashMap<Arc<str>, Arc<Backend>>,
}

/// Who may come in by a listener, and what for.
pub(crate) struct Door {
    pub(crate) authenticate: Vec<Method>,
    /// Whether callers may manage the model servers.
    pub(crate) management: bool,
    /// What a message may ask of its reader.
    pub(crate) limits: Limits,
}

/// A model and its versions.
pub(crate) struct Model {
    pub(crate) name: Arc<str>,
    pub(crate) owner: Option<Arc<str>>,
    /// The name as a header value.
    pub(crate) header: HeaderValue,
    /// In the order of the configuration.
    pub(crate) versions: Vec<Arc<Version>>,
    /// The version that answers where the client names none.
    pub(crate) stable: Arc<Version>,
    pub(crate) timeout: Duration,
    pub(crate) stream: StreamTimes,
    pub(crate) non_finite: NonFinite,
}

/// A version of a model, and where it runs.
pub(crate) struct Version {
    pub(crate) name: Arc<str>,
    pub(crate) header: HeaderValue,
    pub(crate) backend: Arc<Backend>,
    /// What the backend calls it.
    pub(crate) model: BackendModel,
    /// Carried over from generation to generation.
    pub(crate) counters: Arc<Counters>,
}

/// A backend and its endpoints.
pub(crate) struct Backend {
    pub(crate) plan: BackendPlan,
    pub(crate) upstream: Arc<dyn Upstream>,
    /// Whose turn it is to run a model, and to be asked about one: a question that comes with each request would else
    /// leave all requests to the same endpoint.
    next: AtomicUsize,
    asked: AtomicUsize,
    sequences: Sequences,
}

impl Model {
    pub(crate) fn version(&self, name: &str) -> Option<&Arc<Version>> {
        self.versions.iter().find(|version| *version.name == *name)
    }

    /// Whether the model is there for clients of `protocol`. The OpenAI API is for models that speak it; the other
    /// protocols also describe and list what they cannot call.
    pub(crate) fn is_for(&self, protocol: Protocol) -> bool {
        protocol != Protocol::OpenAi
            || self.versions.iter().any(|version| version.backend.upstream.native() == Some(protocol))
    }

    /// Whether every version can take `protocol`'s bytes as they are: then a body that nobody needs to read is not read.
    pub(crate) fn takes_raw(&self, protocol: Protocol) -> bool {
        self.versions.iter().all(|version| version.takes_raw(&self.name, protocol))
    }

    /// Whether every version takes `protocol`'s messages with other names in front.
    pub(crate) fn passes(&self, protocol: Protocol) -> bool {
        self.versions.iter().all(|version| version.backend.upstream.passes() == Some(protocol))
    }
}

impl Version {
    // Names stand inside the answer: where they differ it must be decoded to put the client's names back.
    fn takes_raw(&self, model: &str, protocol: Protocol) -> bool {
        // Which endpoint a sequence belongs to stands in the body, too.
        let one_endpoint = self.backend.plan.endpoints.len() == 1;
        let same_names =
            *self.model.name == *model && self.model.version.as_ref().is_none_or(|name| *name == self.name);
        one_endpoint && same_names && self.backend.upstream.native() == Some(protocol)
    }
}

impl Backend {
    pub(crate) fn new(plan: BackendPlan, upstream: Arc<dyn Upstream>) -> Self {
        Self { plan, upstream, next: AtomicUsize::new(0), asked: AtomicUsize::new(0), sequences: Sequences::default() }
    }

    /// The next endpoint to be asked about a model; `None` for a backend without any, which configuration refuses.
    pub(crate) fn pick(&self) -> Option<&Endpoint> {
        self.plan.endpoints.get(self.turn(&self.asked))
    }

    /// The endpoint of the request's sequence, or the next in turn for one that is in none.
    pub(crate) fn pick_for(&self, place: Option<&Place>, now: Instant) -> Result<Option<&Endpoint>, Full> {
        match place.filter(|_| self.plan.endpoints.len() > 1) {
            Some(place) => {
                let index = self.sequences.endpoint(place, now, || self.turn(&self.next))?;
                Ok(self.plan.endpoints.get(index))
            }
            None => Ok(self.plan.endpoints.get(self.turn(&self.next))),
        }
    }

    fn turn(&self, next: &AtomicUsize) -> usize {
        let turn = next.fetch_add(1, Ordering::Relaxed);
        turn.checked_rem(self.plan.endpoints.len()).unwrap_or(0)
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Snapshot").field("generation", &self.generation).field("digest", &self.digest).finish()
    }
}
