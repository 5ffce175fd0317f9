//! One generation of the gateway's configuration, compiled. Immutable but for shared counters; a request holds one
//! snapshot from its first stage to its last byte.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use sluicegate_config::{Backend as BackendSpec, Overload, Priority, Resilience, StreamTimes};
use sluicegate_core::{
    BackendModel, BackendPlan, Endpoint, Fields, Mixing, NonFinite, Protocol, Served, Share, Upstream,
};
use sluicegate_rules::Policies;

use crate::affinity::{Full, Place, Sequences};
use crate::balance::{Member, NoneFit, Picked, Pool, Wish};
use crate::budget::Budget;
use crate::counters::Counters;
use crate::discovery::{Feeds, Sought};
use crate::door::Door;
use crate::pace::Pace;
use crate::slots::Slots;

/// What the configuration names.
pub(crate) type ByName<T> = HashMap<Arc<str>, Arc<T>, Mixing>;

/// A generation.
pub struct Snapshot {
    /// Counts generations of this process, from one; zero before the first.
    pub(crate) generation: u64,
    /// Digest of the configuration and all files it names.
    pub(crate) digest: Arc<str>,
    /// When it was installed.
    pub(crate) since: SystemTime,
    pub(crate) listeners: ByName<Door>,
    /// How long a client that keeps a stream of requests open may be silent.
    pub(crate) silence: Duration,
    pub(crate) overload: Overload,
    /// The tenants that callers may belong to; none: nobody asks.
    pub(crate) tenants: HashSet<Arc<str>, Mixing>,
    pub(crate) models: ByName<Model>,
    pub(crate) backends: ByName<Backend>,
}

/// A model and its versions.
pub(crate) struct Model {
    pub(crate) name: Arc<str>,
    pub(crate) owner: Option<Arc<str>>,
    /// Who may do what with it; `None`: whoever need not say who they are, and nobody else.
    pub(crate) access: Option<Policies>,
    /// Whether what `access` refuses is served, and told.
    pub(crate) observes: bool,
    /// In the order of the configuration.
    pub(crate) versions: Vec<Arc<Version>>,
    /// The version that answers where the client names none.
    pub(crate) stable: Arc<Version>,
    pub(crate) timeout: Duration,
    pub(crate) priority: Priority,
    pub(crate) stream: StreamTimes,
    pub(crate) non_finite: NonFinite,
}

/// A version of a model, and where it runs.
pub(crate) struct Version {
    pub(crate) name: Arc<str>,
    /// What its records say of it.
    pub(crate) served: Arc<Served>,
    /// What its answers say of it.
    pub(crate) stamp: Arc<Fields>,
    pub(crate) backend: Arc<Backend>,
    /// What the backend calls it.
    pub(crate) model: BackendModel,
    /// Carried over from generation to generation.
    pub(crate) counters: Arc<Counters>,
    pub(crate) pace: Arc<Pace>,
}

/// A backend and its endpoints.
pub(crate) struct Backend {
    pub(crate) plan: BackendPlan,
    pub(crate) resilience: Resilience,
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) pool: Arc<Pool>,
    /// Where endpoints come from that the plan does not list, and the weights of those it does.
    pub(crate) feeds: Feeds,
    weights: Vec<u32>,
    /// What it learned, and who waits for it: these outlive a change of its configuration.
    pub(crate) slots: Arc<Slots>,
    pub(crate) budgets: Arc<Budgets>,
    sequences: Arc<Sequences>,
}

/// How often calls to a backend may be made again.
pub(crate) struct Budgets {
    pub(crate) retries: Budget,
    pub(crate) hedges: Budget,
}

/// No endpoint can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// None is fit.
    NoneFit(NoneFit),
    /// None is known.
    NoneKnown,
    /// As many sequences as may be are open.
    Full,
}

impl Model {
    pub(crate) fn version(&self, name: &str) -> Option<&Arc<Version>> {
        self.versions.iter().find(|version| *version.name == *name)
    }

    /// The place of a version among them.
    pub(crate) fn place(&self, version: &Version) -> Option<usize> {
        self.versions.iter().position(|one| std::ptr::eq(&raw const **one, version))
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

    /// Whether it matters which endpoint of a version's backend a request goes to: that of its sequence, which the body names.
    pub(crate) fn has_a_choice(&self) -> bool {
        self.versions.iter().any(|version| version.backend.has_a_choice())
    }

    /// Whether every version takes `protocol`'s messages with other names in front.
    pub(crate) fn passes(&self, protocol: Protocol) -> bool {
        self.versions.iter().all(|version| version.backend.upstream.passes() == Some(protocol))
    }
}

impl Version {
    // Names stand inside the answer: where they differ it must be decoded to put the client's names back.
    fn takes_raw(&self, model: &str, protocol: Protocol) -> bool {
        let same_names =
            *self.model.name == *model && self.model.version.as_ref().is_none_or(|name| *name == self.name);
        same_names && self.backend.upstream.native() == Some(protocol)
    }
}

impl Backend {
    /// A backend that takes over from `before`, of the same name, what is still of use.
    pub(crate) fn new(
        spec: &BackendSpec,
        upstream: Arc<dyn Upstream>,
        before: Option<&Self>,
        (sought, now): (&Sought, Instant),
    ) -> Self {
        let BackendSpec { plan, weights, sources, resilience } = spec.clone();
        let feeds = Feeds::new(&plan.name, &sources, before.map(|before| &before.feeds), (sought, now));
        let _ = feeds.have_changed();
        let listed = plan.endpoints.iter().cloned().zip(weights.iter().copied());
        let (endpoints, _) = feeds.endpoints(listed);
        let before_pool = before.map(|before| &*before.pool);
        let pool = Pool::new(&plan.name, (endpoints, !feeds.is_empty()), &resilience, before_pool, now);
        if !feeds.is_empty() {
            upstream.expect(&pool.endpoints());
        }
        let same_turns = before.filter(|before| before.resilience.concurrency == resilience.concurrency);
        let budget = |share: fn(&Resilience) -> Share| Budget::new(share(&resilience), now);
        let budgets = Budgets {
            retries: budget(|resilience| resilience.retry.budget),
            hedges: budget(|resilience| resilience.hedge.map_or(Share::percent(0), |hedge| hedge.budget)),
        };
        let same = before.filter(|before| {
            before.resilience.retry == resilience.retry && before.resilience.hedge == resilience.hedge
        });
        Self {
            pool: Arc::new(pool),
            slots: same_turns.map_or_else(|| Slots::new(resilience.concurrency, now), |same| Arc::clone(&same.slots)),
            budgets: same.map_or_else(|| Arc::new(budgets), |same| Arc::clone(&same.budgets)),
            sequences: before.map(|before| Arc::clone(&before.sequences)).unwrap_or_default(),
            feeds,
            weights,
            plan,
            resilience,
            upstream,
        }
    }

    /// Takes up the endpoints that were found since this was done last. Not for two at a time.
    pub(crate) fn settle(&self, now: Instant) {
        if self.feeds.is_empty() || !self.feeds.have_changed() {
            return;
        }
        let listed = self.plan.endpoints.iter().cloned().zip(self.weights.iter().copied());
        let (endpoints, left_out) = self.feeds.endpoints(listed);
        let endpoints = self.pool.recognised(endpoints);
        // Known before they are called.
        let all: Vec<Endpoint> = endpoints.iter().map(|(endpoint, _)| endpoint.clone()).collect();
        self.upstream.expect(&all);
        let change = self.pool.replace(endpoints, now);
        let (backend, added, removed) = (&self.plan.name, change.added, change.removed);
        tracing::info!(%backend, added, removed, left_out, "endpoints have changed: {} now", all.len());
    }

    /// Whether it matters which endpoint a request goes to. Where endpoints are found there may be others in a moment.
    fn has_a_choice(&self) -> bool {
        self.pool.is_found() || self.pool.members().len() > 1
    }

    /// Its endpoints, fit or not.
    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        self.pool.endpoints()
    }

    /// Whether a call may be made a second time, so that something of it must be kept.
    pub(crate) fn may_be_called_again(&self) -> bool {
        let remote = self.resilience.retry.attempts > 1 && !self.plan.models.iter().any(|model| model.source.is_some());
        remote || self.resilience.hedge.is_some()
    }

    /// The next endpoint to be asked about a model; `None` for a backend without any, as long as none was found.
    pub(crate) fn ask(&self, now: Instant) -> Option<Arc<Member>> {
        self.pool.in_turn(now)
    }

    /// The endpoint of the request's sequence, or the one that is chosen for a call that is in none.
    pub(crate) fn pick(&self, place: Option<&Place>, wish: &Wish<'_>) -> Result<Picked<'_>, Unfit> {
        let choose = || {
            self.pool.pick(wish).map_err(|none| match self.pool.members().is_empty() {
                true => Unfit::NoneKnown,
                false => Unfit::NoneFit(none),
            })
        };
        match place.filter(|_| self.has_a_choice()) {
            // The choice holds its place until the pinned one has its own.
            Some(place) => self
                .sequences
                .endpoint(place, wish.now, || choose().map(|picked| Arc::clone(picked.member())))
                .map(|member| self.pool.pick_known(member, wish.now)),
            None => choose(),
        }
    }
}

impl From<Full> for Unfit {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Snapshot").field("generation", &self.generation).field("digest", &self.digest).finish()
    }
}
