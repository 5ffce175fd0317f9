//! The handle through which the slow side steers the request path: install a generation, drain, look.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use http::HeaderMap;
use parking_lot::Mutex;
use serde::Serialize;
use sluicegate_core::{Clock, Deadline, Dice, Discover, Inquiry, Kind, Mistake, ModelMetadata, RecordSink};
use tokio::sync::Notify;

use crate::build::{Builders, Built};
use crate::discovery::{self, Sought};
use crate::snapshot::Snapshot;
use crate::stage::inquire;

/// How long a description of a model is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// Replaced generations that are remembered.
const HISTORY: usize = 10;

/// The running gateway: one current snapshot and the seams to the outside.
pub struct Gateway {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) dice: Arc<dyn Dice>,
    pub(crate) sink: Arc<dyn RecordSink>,
    snapshot: ArcSwap<Snapshot>,
    draining: AtomicBool,
    /// Told when files of endpoints may have changed.
    pub(crate) stale: Notify,
    // Read and written by reloads and people only, never by a request.
    history: Mutex<History>,
}

#[derive(Default)]
struct History {
    replaced: VecDeque<Generation>,
    last_reload: Option<Reload>,
}

/// How the last attempt to load configuration went.
#[derive(Clone, Debug, Serialize)]
pub struct Reload {
    /// Whether it was installed.
    pub ok: bool,
    /// When, in seconds since 1970.
    pub at: u64,
    /// Why not, each with its place.
    pub mistakes: Vec<String>,
}

/// What an operator sees of the gateway.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Whether it takes requests.
    pub ready: bool,
    /// Whether it is shutting down.
    pub draining: bool,
    /// Counts generations of this process, from one.
    pub generation: u64,
    /// Digest of the generation.
    pub digest: String,
    /// When the generation was installed, in seconds since 1970.
    pub since: u64,
    /// The last attempt to load configuration.
    pub last_reload: Option<Reload>,
    /// Generations before this one, newest first.
    pub previous: Vec<Generation>,
    /// Backends, by name.
    pub backends: Vec<BackendStatus>,
    /// Models, by name.
    pub models: Vec<ModelStatus>,
}

/// A generation that was replaced.
#[derive(Clone, Debug, Serialize)]
pub struct Generation {
    /// Its number.
    pub generation: u64,
    /// Its digest.
    pub digest: String,
}

/// A backend, for people.
#[derive(Clone, Debug, Serialize)]
pub struct BackendStatus {
    /// Its name.
    pub name: String,
    /// Its protocol.
    pub protocol: &'static str,
    /// Calls under way, with their answers' last byte to come.
    pub in_flight: usize,
    /// Calls that wait for a turn.
    pub waiting: usize,
    /// How many may be under way at once, given or found.
    pub limit: usize,
    /// Its endpoints.
    pub endpoints: Vec<EndpointStatus>,
    /// Where endpoints come from that its configuration does not list.
    pub sources: Vec<SourceStatus>,
}

/// A source of endpoints, for people.
#[derive(Clone, Debug, Serialize)]
pub struct SourceStatus {
    /// What it is, such as `dns triton.models.svc:8001`.
    pub source: String,
    /// How many endpoints were found there last.
    pub endpoints: usize,
    /// How many more there were than a backend may have.
    pub left_out: usize,
    /// How long ago that was, in milliseconds; absent where none were ever found.
    pub age_ms: Option<u64>,
    /// Why none were found since, where that was tried.
    pub failure: Option<String>,
}

/// An endpoint, for people.
#[derive(Clone, Debug, Serialize)]
pub struct EndpointStatus {
    /// Its address.
    pub address: String,
    /// `up`, `on trial`, `resting`, `ejected`, `down`.
    pub state: &'static str,
    /// Why, where it is not up.
    pub reason: Option<String>,
    /// For how much longer, in milliseconds, where that is known.
    pub left_ms: u64,
    /// Calls under way.
    pub in_flight: usize,
    /// Calls so far.
    pub calls: u64,
    /// Those of them that failed by its fault.
    pub failures: u64,
}

/// A model, for people.
#[derive(Clone, Debug, Serialize)]
pub struct ModelStatus {
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub owner: Option<String>,
    /// The version that answers where the client names none.
    pub stable: String,
    /// Its versions.
    pub versions: Vec<VersionStatus>,
}

/// A version, for people.
#[derive(Clone, Debug, Serialize)]
pub struct VersionStatus {
    /// Its name.
    pub name: String,
    /// The backend that serves it.
    pub backend: String,
    /// The backend's name for the model.
    pub model: String,
    /// The backend's name for the version; `None` leaves it to the backend.
    pub version: Option<String>,
    /// The file it was loaded from.
    pub source: Option<String>,
    /// SHA-256 of that file.
    pub digest: Option<String>,
}

impl Gateway {
    /// A gateway that knows no models and no listeners yet, and says it is not ready.
    pub fn new(clock: Arc<dyn Clock>, dice: Arc<dyn Dice>, sink: Arc<dyn RecordSink>) -> Self {
        let empty = Snapshot {
            generation: 0,
            digest: Arc::from(""),
            since: clock.wall(),
            listeners: Default::default(),
            silence: Duration::ZERO,
            models: Default::default(),
            backends: Default::default(),
        };
        Self {
            clock,
            dice,
            sink,
            snapshot: ArcSwap::from_pointee(empty),
            draining: AtomicBool::new(false),
            stale: Notify::new(),
            history: Mutex::default(),
        }
    }

    /// The generation that serves now.
    pub(crate) fn current(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Builds `resolved` on top of what serves now, without installing it.
    ///
    /// # Errors
    /// Everything that could not be built, each with its place.
    pub fn build(&self, resolved: &sluicegate_config::Resolved, builders: &Builders) -> Result<Built, Vec<Mistake>> {
        self.build_with(resolved, builders, &Sought::default())
    }

    /// The same, with the endpoints that were found for it.
    ///
    /// # Errors
    /// As [`Gateway::build`].
    pub fn build_with(
        &self,
        resolved: &sluicegate_config::Resolved,
        builders: &Builders,
        sought: &Sought,
    ) -> Result<Built, Vec<Mistake>> {
        let current = self.current();
        let previous = (current.generation > 0).then_some(&*current);
        crate::build::build(resolved, builders, previous, (sought, self.clock.wall(), self.clock.now()))
    }

    /// Looks for endpoints that `resolved` does not list and that are not known yet; not for long.
    pub async fn seek(&self, discover: &Arc<dyn Discover>, resolved: &sluicegate_config::Resolved) -> Sought {
        discovery::seek(self, discover, resolved).await
    }

    /// Keeps endpoints in step with where they come from. Never ends: to be run beside all else.
    pub async fn follow(self: Arc<Self>, discover: Arc<dyn Discover>) {
        discovery::follow(&self, &discover).await;
    }

    /// Says that files of endpoints may have changed.
    pub fn look_again(&self) {
        self.stale.notify_one();
    }

    /// Puts `built` in place of what serves now. Requests under way keep the generation they began with.
    pub fn install(&self, built: Built) {
        let replaced = self.snapshot.swap(Arc::new(built.0));
        let mut history = self.history.lock();
        history.last_reload = Some(Reload { ok: true, at: seconds(self.clock.wall()), mistakes: Vec::new() });
        if replaced.generation > 0 {
            // Only the facts: holding the snapshot would hold its models' memory.
            let facts = Generation { generation: replaced.generation, digest: replaced.digest.to_string() };
            history.replaced.push_front(facts);
            history.replaced.truncate(HISTORY);
        }
    }

    /// Notes that configuration was refused; what serves now goes on.
    pub fn refused(&self, mistakes: &[Mistake]) {
        let mistakes = mistakes.iter().map(ToString::to_string).collect();
        self.history.lock().last_reload = Some(Reload { ok: false, at: seconds(self.clock.wall()), mistakes });
    }

    /// Notes that configuration was read anew and is what serves already.
    pub fn confirmed(&self) {
        self.history.lock().last_reload =
            Some(Reload { ok: true, at: seconds(self.clock.wall()), mistakes: Vec::new() });
    }

    /// What is known of a model's stable version, by the client's names; `None` where its backend does not say soon.
    pub async fn describe(&self, model: &str) -> Option<ModelMetadata> {
        let snapshot = self.current();
        let model = snapshot.models.get(model)?;
        let deadline = Deadline(self.clock.now() + PATIENCE);
        let inquiry = Inquiry { model: model.stable.model.clone(), headers: HeaderMap::new(), deadline };
        let said = inquire::describe(&model.stable, inquiry).await.ok()??;
        Some(ModelMetadata { name: model.name.to_string(), ..said })
    }

    /// Counts a peer that a listener turned away before its bytes made a request.
    pub fn turned_away(&self, listener: &Arc<str>, kind: Kind) {
        self.sink.turned_away(listener, kind);
    }

    /// Asks the endpoints how they do, as their backends' configuration says. Never ends: to be run beside all else.
    pub async fn probe(self: Arc<Self>) {
        crate::probing::probe(&self).await;
    }

    /// Says "not ready" from now on; requests are still served.
    pub fn begin_drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether requests are taken: a configuration serves, and no shutdown has begun.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.snapshot.load().generation > 0 && !self.draining.load(Ordering::Relaxed)
    }

    /// What an operator sees.
    #[must_use]
    pub fn status(&self) -> Status {
        let snapshot = self.current();
        let history = self.history.lock();
        let mut backends: Vec<BackendStatus> =
            snapshot.backends.values().map(|backend| backend_status(backend, self.clock.now())).collect();
        backends.sort_by(|left, right| left.name.cmp(&right.name));
        let mut models: Vec<ModelStatus> = snapshot.models.values().map(|model| model_status(model)).collect();
        models.sort_by(|left, right| left.name.cmp(&right.name));
        Status {
            ready: self.ready(),
            draining: self.draining.load(Ordering::Relaxed),
            generation: snapshot.generation,
            digest: snapshot.digest.to_string(),
            since: seconds(snapshot.since),
            last_reload: history.last_reload.clone(),
            previous: history.replaced.iter().cloned().collect(),
            backends,
            models,
        }
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Gateway").field("snapshot", &self.current()).finish_non_exhaustive()
    }
}

fn backend_status(backend: &crate::snapshot::Backend, now: Instant) -> BackendStatus {
    let plan = &backend.plan;
    let (in_flight, waiting, limit) = backend.slots.state();
    let members = backend.pool.members();
    let endpoints = members.iter().map(|member| {
        let (fitness, left, reason) = backend.pool.state(member, now);
        let (calls, failures) = member.counts();
        EndpointStatus {
            address: format!("{}{}", member.endpoint.authority, member.endpoint.prefix),
            state: fitness.word(),
            reason,
            left_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            in_flight: member.in_flight(),
            calls,
            failures,
        }
    });
    let (name, endpoints) = (plan.name.to_string(), endpoints.collect());
    let sources = backend.feeds.iter().map(|feed| feed.status(now)).collect();
    BackendStatus { name, protocol: plan.kind, in_flight, waiting, limit, endpoints, sources }
}

fn model_status(model: &crate::snapshot::Model) -> ModelStatus {
    let versions = model.versions.iter().map(|version| {
        let source = version.backend.plan.models.iter().find(|loaded| loaded.model == version.model);
        let source = source.and_then(|loaded| loaded.source.as_ref());
        VersionStatus {
            name: version.name.to_string(),
            backend: version.backend.plan.name.to_string(),
            model: version.model.name.to_string(),
            version: version.model.version.as_deref().map(str::to_owned),
            source: source.map(|source| source.path.to_string()),
            digest: source.map(|source| source.digest.to_string()),
        }
    });
    ModelStatus {
        name: model.name.to_string(),
        owner: model.owner.as_deref().map(str::to_owned),
        stable: model.stable.name.to_string(),
        versions: versions.collect(),
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
