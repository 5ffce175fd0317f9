//! What an operator sees of the gateway: plain data, made when it is asked for.

use std::time::{Instant, SystemTime};

use serde::Serialize;

use crate::control::Gateway;
use crate::snapshot::{Backend, Model, Snapshot};

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
    /// What the whole gateway has taken on.
    pub load: Load,
    /// Backends, by name.
    pub backends: Vec<BackendStatus>,
    /// Models, by name.
    pub models: Vec<ModelStatus>,
}

/// What the whole gateway has taken on, and what it may.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Load {
    /// Requests for models under way.
    pub requests: usize,
    /// How many may be.
    pub most_requests: usize,
    /// How many were refused for want of room so far.
    pub refused: u64,
    /// Bytes of bodies held as a whole.
    pub memory: u64,
    /// How many may be.
    pub most_memory: u64,
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
    /// Calls that were refused so far, since no turn would have come in time.
    pub refused: u64,
    /// Calls that were made again.
    pub retries: u64,
    /// Calls that were not, since the budget was used up.
    pub retries_denied: u64,
    /// Slow calls that were made a second time.
    pub hedges: u64,
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
    /// Times it was left out for failing.
    pub ejections: u64,
    /// Mean time to an answer in milliseconds, as far as it is known.
    pub latency_ms: Option<f64>,
}

/// A model, for people.
#[derive(Clone, Debug, Serialize)]
pub struct ModelStatus {
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub owner: Option<String>,
    /// What becomes of what its rules refuse: `enforce`, or `observe`.
    pub policy: &'static str,
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
    /// How often it was run.
    pub runs: Runs,
}

/// How often a version was run, since it first was configured.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Runs {
    /// With an answer.
    pub good: u64,
    /// Without one.
    pub failed: u64,
    /// How long all answers together took to begin, in milliseconds.
    pub good_ms: u64,
}

/// What is known at this moment.
pub(crate) fn of(gateway: &Gateway) -> Status {
    let (snapshot, (last_reload, previous)) = (gateway.current(), gateway.history());
    let now = gateway.clock.now();
    let mut backends: Vec<BackendStatus> = snapshot.backends.values().map(|backend| of_backend(backend, now)).collect();
    backends.sort_by(|left, right| left.name.cmp(&right.name));
    let mut models: Vec<ModelStatus> = snapshot.models.values().map(|model| of_model(model)).collect();
    models.sort_by(|left, right| left.name.cmp(&right.name));
    Status {
        ready: gateway.ready(),
        draining: gateway.is_draining(),
        generation: snapshot.generation,
        digest: snapshot.digest.to_string(),
        since: seconds(snapshot.since),
        last_reload,
        previous,
        load: load(gateway, &snapshot),
        backends,
        models,
    }
}

fn load(gateway: &Gateway, snapshot: &Snapshot) -> Load {
    let (requests, refused) = gateway.crowd.state();
    let (memory, most_memory) = (gateway.memory.held(), gateway.memory.limit());
    Load { requests, most_requests: snapshot.overload.requests, refused, memory, most_memory }
}

fn of_backend(backend: &Backend, now: Instant) -> BackendStatus {
    let plan = &backend.plan;
    let (in_flight, waiting, limit) = backend.slots.state();
    let (retries, retries_denied) = backend.budgets.retries.counts();
    let members = backend.pool.members();
    let endpoints = members.iter().map(|member| {
        let (fitness, left, reason) = backend.pool.state(member, now);
        let (calls, failures, ejections) = member.counts();
        let latency = backend.pool.latency(member, now);
        EndpointStatus {
            address: format!("{}{}", member.endpoint.authority, member.endpoint.prefix),
            state: fitness.word(),
            reason,
            left_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            in_flight: member.in_flight(),
            calls,
            failures,
            ejections,
            latency_ms: latency.map(|latency| latency.as_secs_f64() * 1000.0),
        }
    });
    let (name, endpoints) = (plan.name.to_string(), endpoints.collect());
    BackendStatus {
        name,
        protocol: plan.kind,
        in_flight,
        waiting,
        limit,
        refused: backend.slots.refused(),
        retries,
        retries_denied,
        hedges: backend.budgets.hedges.counts().0,
        endpoints,
        sources: backend.feeds.iter().map(|feed| feed.status(now)).collect(),
    }
}

fn of_model(model: &Model) -> ModelStatus {
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
            runs: version.counters.runs(),
        }
    });
    ModelStatus {
        name: model.name.to_string(),
        owner: model.owner.as_deref().map(str::to_owned),
        policy: if model.observes { "observe" } else { "enforce" },
        stable: model.stable.name.to_string(),
        versions: versions.collect(),
    }
}

pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
