//! One source of a backend's endpoints, and what was found there last. It must not know when others look.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sluicegate_core::{Dice, Endpoint, EndpointSource, Found, distinct};

use super::Sought;
use crate::control::SourceStatus;
use crate::probing::around;

/// What holds for a moment only is not looked up more often than this.
const LEAST: Duration = Duration::from_secs(1);

/// After a lookup that failed the next one is not later than this.
const AGAIN: Duration = Duration::from_secs(5);

/// The sources of a backend.
#[derive(Default)]
pub(crate) struct Feeds {
    list: Vec<Arc<Feed>>,
    /// The edition that the backend's pool is of.
    applied: AtomicU64,
}

/// A source.
pub(crate) struct Feed {
    backend: Arc<str>,
    pub(crate) source: EndpointSource,
    /// Shared with the same source of another generation.
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    found: Found,
    /// How often what was found was something else.
    edition: u64,
    /// When something was found last.
    found_at: Option<Instant>,
    /// Why nothing was, since then.
    failure: Option<String>,
    /// When it is looked up next; `None`: now.
    due: Option<Instant>,
    asking: bool,
    /// What is being looked up may be of the time before a change.
    stale: bool,
}

/// A lookup under way.
pub(crate) struct Asking(Arc<Feed>);

impl Feeds {
    /// The feeds of a backend's `sources`. What those of `before` have found goes on.
    pub(crate) fn new(
        backend: &Arc<str>,
        sources: &[EndpointSource],
        before: Option<&Self>,
        (sought, now): (&Sought, Instant),
    ) -> Self {
        let feed = |source: &EndpointSource| {
            let same = before.and_then(|before| before.iter().find(|feed| feed.finds_the_same(source)));
            let state = same.map_or_else(Arc::default, |same| Arc::clone(&same.state));
            let feed = Feed { backend: Arc::clone(backend), source: source.clone(), state };
            if let Some(outcome) = sought.at(source) {
                feed.take(outcome.clone(), now, now + LEAST);
            }
            Arc::new(feed)
        };
        Self { list: sources.iter().map(feed).collect(), applied: AtomicU64::new(0) }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Feed>> {
        self.list.iter()
    }

    /// Whether they are those of `sources`.
    pub(crate) fn are_of(&self, sources: &[EndpointSource]) -> bool {
        self.iter().map(|feed| &feed.source).eq(sources)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether `source` is among them, and endpoints were found there.
    pub(super) fn knows(&self, source: &EndpointSource) -> bool {
        self.iter().any(|feed| feed.finds_the_same(source) && feed.state.lock().found_at.is_some())
    }

    /// Whether something else was found since this was asked last.
    pub(crate) fn have_changed(&self) -> bool {
        let edition = self.iter().map(|feed| feed.state.lock().edition).sum();
        self.applied.swap(edition, Relaxed) != edition
    }

    /// The endpoints that are `listed`, and those that were found, each address once; and how many are left out for being too
    /// many.
    pub(crate) fn endpoints(&self, listed: impl Iterator<Item = (Endpoint, u32)>) -> (Vec<(Endpoint, u32)>, usize) {
        let mut all: Vec<(Endpoint, u32)> = listed.collect();
        for feed in self.iter() {
            all.extend_from_slice(&feed.state.lock().found.endpoints);
        }
        distinct(all)
    }

    /// Why there are no endpoints.
    pub(crate) fn trouble(&self) -> String {
        let trouble = self.iter().find_map(|feed| Some((feed, feed.state.lock().failure.clone()?)));
        trouble.map_or_else(
            || "no endpoint of the backend was found yet".to_owned(),
            |(feed, why)| format!("no endpoint of the backend is known: {}: {why}", feed.source.lookup),
        )
    }
}

impl Feed {
    /// Begins a lookup, if it is due; else says when it may be.
    pub(super) fn begin(self: &Arc<Self>, now: Instant) -> Result<Asking, Instant> {
        let mut state = self.state.lock();
        match state.due {
            // Whoever is waited for says so when it is there.
            _ if state.asking => Err(now + super::LOOK),
            Some(due) if due > now => Err(due),
            Some(_) | None => {
                state.asking = true;
                state.stale = false;
                Ok(Asking(Arc::clone(self)))
            }
        }
    }

    /// What was found may hold no more.
    pub(super) fn forget(&self) {
        let mut state = self.state.lock();
        state.due = None;
        state.stale = true;
    }

    fn finds_the_same(&self, source: &EndpointSource) -> bool {
        self.source == EndpointSource { refresh: self.source.refresh, ..source.clone() }
    }

    /// Takes note of what came of a lookup. The next one is at `due`.
    fn take(&self, outcome: Result<Found, String>, now: Instant, due: Instant) {
        let (backend, source) = (&self.backend, &self.source.lookup);
        let mut state = self.state.lock();
        state.due = (!state.stale).then_some(due);
        match outcome {
            Ok(found) if !found.endpoints.is_empty() => {
                if state.failure.take().is_some() {
                    tracing::info!(%backend, "{source}: found again");
                }
                if found.left_out > 0 && state.found.left_out == 0 {
                    let left_out = found.left_out;
                    tracing::warn!(%backend, left_out, "{source}: more endpoints than a backend may have");
                }
                state.found_at = Some(now);
                if state.found.endpoints != found.endpoints {
                    state.edition += 1;
                }
                state.found = found;
            }
            outcome => {
                let why = outcome.err().unwrap_or_else(|| "there are no endpoints".to_owned());
                if state.failure.is_none() {
                    let kept = state.found.endpoints.len();
                    tracing::warn!(%backend, why, kept, "{source}: nothing was found; what was found before is kept");
                }
                state.failure = Some(why);
            }
        }
    }

    /// For people.
    pub(crate) fn status(&self, now: Instant) -> SourceStatus {
        let state = self.state.lock();
        let age = state.found_at.map(|at| now.saturating_duration_since(at));
        SourceStatus {
            source: self.source.lookup.to_string(),
            endpoints: state.found.endpoints.len(),
            left_out: state.found.left_out,
            age_ms: age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            failure: state.failure.clone(),
        }
    }
}

impl Asking {
    pub(super) fn source(&self) -> &EndpointSource {
        &self.0.source
    }

    /// Takes note of what came of it.
    pub(super) fn told(self, outcome: Result<Found, String>, now: Instant, dice: &dyn Dice) {
        let refresh = self.0.source.refresh;
        let after = match &outcome {
            Ok(found) if !found.endpoints.is_empty() => {
                found.good_for.map_or(refresh, |good_for| good_for.max(LEAST).min(refresh))
            }
            Ok(_) | Err(_) => refresh.min(AGAIN),
        };
        self.0.take(outcome, now, now + around(after, dice).max(LEAST));
    }
}

impl Drop for Asking {
    // Also where the lookup was given up.
    fn drop(&mut self) {
        self.0.state.lock().asking = false;
    }
}
