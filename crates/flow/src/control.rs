//! The handle through which the slow side steers the request path: install a generation, drain, look.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use sluicegate_config::Overload;
use sluicegate_core::limits::Limiter;
use sluicegate_core::{
    Clock, Deadline, Dice, Discover, Fields, Inquiry, KeyFault, Keys, Kind, Memory, Mistake, ModelMetadata, Principal,
    RecordSink, TokenFault, Tokens,
};
use tokio::sync::Notify;

use crate::build::{Builders, Built};
use crate::crowd::Crowd;
use crate::discovery::{self, Sought};
use crate::seldom::Seldom;
use crate::snapshot::Snapshot;
use crate::stage::inquire;
use crate::status::seconds;
pub use crate::status::{
    BackendStatus, EndpointStatus, Generation, Load, ModelStatus, Reload, Runs, SourceStatus, Status, VersionStatus,
};

/// How long a description of a model is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// Replaced generations that are remembered.
const HISTORY: usize = 10;

/// The running gateway: one current snapshot and the seams to the outside.
pub struct Gateway {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) dice: Arc<dyn Dice>,
    pub(crate) sink: Arc<dyn RecordSink>,
    pub(crate) crowd: Crowd,
    pub(crate) memory: Arc<Memory>,
    /// Bytes of bodies that may be held where configuration does not say.
    room: u64,
    /// The API keys that callers may present.
    pub(crate) keys: Arc<dyn Keys>,
    /// The tokens of other issuers that callers may present.
    pub(crate) tokens: Arc<dyn Tokens>,
    /// What counts use against limits, if anything does.
    limiter: Option<Arc<dyn Limiter>>,
    snapshot: ArcSwap<Snapshot>,
    draining: AtomicBool,
    /// What the log is told of requests that the gateway failed.
    pub(crate) failures: Seldom,
    /// Told when files of endpoints may have changed.
    pub(crate) stale: Notify,
    // Read and written by reloads and people only, never by a request.
    history: Mutex<History>,
}

/// The keys of a gateway that was given none.
struct NoKeys;

impl Keys for NoKeys {
    fn find(&self, _: &str, _: SystemTime) -> Result<Arc<Principal>, KeyFault> {
        Err(KeyFault::Unknown)
    }
}

/// The tokens of a gateway that was given none.
struct NoTokens;

impl Tokens for NoTokens {
    fn find(&self, _: &str, _: SystemTime) -> Result<Arc<Principal>, TokenFault> {
        Err(TokenFault::Nobody)
    }
}

#[derive(Default)]
struct History {
    replaced: VecDeque<Generation>,
    last_reload: Option<Reload>,
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
            tenants: Default::default(),
            models: Default::default(),
            backends: Default::default(),
            overload: Overload { requests: usize::MAX, memory: None },
        };
        Self {
            clock,
            dice,
            sink,
            crowd: Crowd::default(),
            memory: Memory::new(u64::MAX),
            room: u64::MAX,
            keys: Arc::new(NoKeys),
            tokens: Arc::new(NoTokens),
            limiter: None,
            snapshot: ArcSwap::from_pointee(empty),
            draining: AtomicBool::new(false),
            failures: Seldom::default(),
            stale: Notify::new(),
            history: Mutex::default(),
        }
    }

    /// The same, which holds bytes of bodies by `memory`. Its size is what there is where configuration does not say.
    #[must_use]
    pub fn holding(self, memory: &Arc<Memory>) -> Self {
        Self { memory: Arc::clone(memory), room: memory.limit(), ..self }
    }

    /// The same, which lets callers in by `keys`.
    #[must_use]
    pub fn with_keys(self, keys: Arc<dyn Keys>) -> Self {
        Self { keys, ..self }
    }

    /// The same, which lets callers in by `tokens`.
    #[must_use]
    pub fn with_tokens(self, tokens: Arc<dyn Tokens>) -> Self {
        Self { tokens, ..self }
    }

    /// The same, which counts use against limits by `limiter`.
    #[must_use]
    pub fn with_limiter(self, limiter: Arc<dyn Limiter>) -> Self {
        Self { limiter: Some(limiter), ..self }
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
        let limiter = self.limiter.as_deref();
        crate::build::build(resolved, builders, previous, limiter, (sought, self.clock.wall(), self.clock.now()))
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
        self.memory.resize(built.0.overload.memory.unwrap_or(self.room));
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
        let inquiry = Inquiry { model: model.stable.model.clone(), headers: Fields::new(), deadline };
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

    /// What an operator sees.
    #[must_use]
    pub fn status(&self) -> Status {
        crate::status::of(self)
    }

    /// The last attempt to load configuration, and the generations before the one that serves, newest first.
    pub(crate) fn history(&self) -> (Option<Reload>, Vec<Generation>) {
        let history = self.history.lock();
        (history.last_reload.clone(), history.replaced.iter().cloned().collect())
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Says "not ready" from now on; requests are still served.
    pub fn begin_drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether requests are taken: a configuration serves, and no shutdown has begun.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.snapshot.load().generation > 0 && !self.is_draining()
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Gateway").field("snapshot", &self.current()).finish_non_exhaustive()
    }
}
