//! One endpoint of a backend as balancing sees it: what is under way there, how fast it answers, how it does.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize};
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_core::{Endpoint, Sent};

use super::health::Health;
use crate::verdict::Verdict;

/// How much of the old is left in the mean of answer times: seven of eight parts.
const MEMORY: u64 = 8;

/// After this long without an answer half of what is known of its speed is forgotten: a slow endpoint is tried again.
const HALF_LIFE: u64 = 3_000_000_000;

/// A time counts as at most so many times the mean: one answer that was held up says little of those to come.
const OUTLIER: u64 = 16;

/// Calls that wait at once, from which on their common silence says something soon.
const SEVERAL: usize = 4;

/// An endpoint. Lives on from generation to generation while configuration names it.
pub(crate) struct Member {
    pub(crate) endpoint: Endpoint,
    pub(super) weight: AtomicU32,
    pub(super) health: Health,
    in_flight: AtomicUsize,
    /// Calls whose answer has not begun.
    awaited: AtomicUsize,
    /// Since when it has owed an answer and given no sign of life; zero where it gave one and owes none. Whoever stops waiting
    /// changes nothing about that.
    silent_since: AtomicU64,
    /// Mean time to an answer's head, in nanoseconds; zero while none came.
    latency: AtomicU64,
    /// When the last one came.
    told_at: AtomicU64,
    pub(super) calls: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) ejections: AtomicU64,
    /// What went wrong last, for people.
    pub(super) trouble: Mutex<Option<String>>,
}

/// An endpoint that was chosen for a call; until this is dropped the call is under way.
pub(crate) struct Picked {
    member: Arc<Member>,
    awaited: bool,
}

impl Member {
    pub(super) fn new(endpoint: Endpoint, weight: u32) -> Self {
        Self {
            endpoint,
            weight: AtomicU32::new(weight),
            health: Health::default(),
            in_flight: AtomicUsize::new(0),
            awaited: AtomicUsize::new(0),
            silent_since: AtomicU64::new(0),
            latency: AtomicU64::new(0),
            told_at: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            ejections: AtomicU64::new(0),
            trouble: Mutex::new(None),
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Relaxed)
    }

    /// Calls whose answer has not begun.
    pub(super) fn awaited(&self) -> usize {
        self.awaited.load(Relaxed)
    }

    pub(super) fn weight(&self) -> f64 {
        f64::from(self.weight.load(Relaxed))
    }

    /// Takes a call's time into the mean.
    pub(super) fn took(&self, took: Duration, now: u64) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1);
        let before = self.latency.load(Relaxed);
        let counted = took.min(before.saturating_mul(OUTLIER));
        let mean = if before == 0 { took } else { before - before / MEMORY + counted / MEMORY };
        self.latency.store(mean.max(1), Relaxed);
        self.told_at.store(now, Relaxed);
    }

    /// Mean time to an answer, in nanoseconds; `None` while that is not known.
    pub(super) fn latency(&self, now: u64) -> Option<u64> {
        let mean = self.latency.load(Relaxed);
        let silent = now.saturating_sub(self.told_at.load(Relaxed)) / HALF_LIFE;
        let halvings = u32::try_from(silent).unwrap_or(u32::MAX);
        (mean != 0).then(|| mean.checked_shr(halvings).unwrap_or(0).max(1))
    }

    /// Counts a call there.
    pub(super) fn pick(self: &Arc<Self>, now: u64) -> Picked {
        self.in_flight.fetch_add(1, Relaxed);
        self.calls.fetch_add(1, Relaxed);
        self.awaited.fetch_add(1, Relaxed);
        if self.silent_since.load(Relaxed) == 0 {
            self.silent_since.store(now, Relaxed);
        }
        Picked { member: Arc::clone(self), awaited: true }
    }

    /// Whether it has calls to answer, and for far longer than it takes has given no sign of life. One whose calls were given
    /// up is tried by one call at a time.
    pub(super) fn is_stuck(&self, now: u64) -> bool {
        let (awaited, since) = (self.awaited.load(Relaxed), self.silent_since.load(Relaxed));
        if awaited == 0 || since == 0 {
            return false;
        }
        let (silent, latency) = (now.saturating_sub(since), self.latency.load(Relaxed));
        let (least, times) = if awaited < SEVERAL || latency == 0 { (250_000_000, 5) } else { (50_000_000, 2) };
        silent > least && silent > latency.saturating_mul(times)
    }
}

impl Picked {
    pub(crate) const fn member(&self) -> &Arc<Member> {
        &self.member
    }

    /// Its answer has begun, or it has failed.
    pub(super) fn is_over(&mut self, verdict: Verdict, now: u64) {
        if !std::mem::take(&mut self.awaited) {
            return;
        }
        let others = self.member.awaited.fetch_sub(1, Relaxed) > 1;
        if !matches!(verdict, Verdict::Timeout(_) | Verdict::Transport(Sent::Nothing) | Verdict::Unknown) {
            self.member.silent_since.store(if others { now } else { 0 }, Relaxed);
        }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.member.endpoint
    }
}

impl Drop for Picked {
    fn drop(&mut self) {
        self.member.in_flight.fetch_sub(1, Relaxed);
        if self.awaited {
            self.member.awaited.fetch_sub(1, Relaxed);
        }
    }
}
