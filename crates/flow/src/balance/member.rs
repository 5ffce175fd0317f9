//! One endpoint of a backend as balancing sees it: what is under way there, how fast it answers, how it does.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};
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
    /// Calls that were made there, whose answer has begun or is not waited for any more, and that are over: what is under
    /// way is their difference, and each is written once a call.
    pub(super) calls: AtomicU64,
    told: AtomicU64,
    over: AtomicU64,
    /// Since when it has owed an answer and given no sign of life; zero where it gave one and owes none. Whoever stops waiting
    /// changes nothing about that.
    silent_since: AtomicU64,
    /// Mean time to an answer's head, in nanoseconds; zero while none came.
    latency: AtomicU64,
    /// When the last one came.
    told_at: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) ejections: AtomicU64,
    /// What went wrong last, for people.
    pub(super) trouble: Mutex<Option<String>>,
}

/// An endpoint that was chosen for a call; until this is dropped the call is under way. One that configuration lists is there
/// as long as its pool.
pub(crate) struct Picked<'a> {
    member: Cow<'a, Arc<Member>>,
    awaited: bool,
    /// Whether another stands for the call now.
    replaced: bool,
}

impl Member {
    pub(super) fn new(endpoint: Endpoint, weight: u32) -> Self {
        Self {
            endpoint,
            weight: AtomicU32::new(weight),
            health: Health::default(),
            calls: AtomicU64::new(0),
            told: AtomicU64::new(0),
            over: AtomicU64::new(0),
            silent_since: AtomicU64::new(0),
            latency: AtomicU64::new(0),
            told_at: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            ejections: AtomicU64::new(0),
            trouble: Mutex::new(None),
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.less(&self.over)
    }

    /// Calls whose answer has not begun.
    pub(super) fn awaited(&self) -> usize {
        self.less(&self.told)
    }

    /// The calls less those among `done`, which are looked at first: there are never more of them.
    fn less(&self, done: &AtomicU64) -> usize {
        let done = done.load(Acquire);
        usize::try_from(self.calls.load(Relaxed).saturating_sub(done)).unwrap_or(usize::MAX)
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

    /// Whether it has calls to answer, and for far longer than it takes has given no sign of life. One whose calls were given
    /// up is tried by one call at a time.
    pub(super) fn is_stuck(&self, now: u64) -> bool {
        let (awaited, since) = (self.awaited(), self.silent_since.load(Relaxed));
        if awaited == 0 || since == 0 {
            return false;
        }
        let (silent, latency) = (now.saturating_sub(since), self.latency.load(Relaxed));
        let (least, times) = if awaited < SEVERAL || latency == 0 { (250_000_000, 5) } else { (50_000_000, 2) };
        silent > least && silent > latency.saturating_mul(times)
    }
}

impl<'a> Picked<'a> {
    /// Counts a call to `member`.
    pub(super) fn of(member: Cow<'a, Arc<Member>>, now: u64) -> Self {
        member.calls.fetch_add(1, Relaxed);
        if member.silent_since.load(Relaxed) == 0 {
            member.silent_since.store(now, Relaxed);
        }
        Self { member, awaited: true, replaced: false }
    }

    /// The same call, for those who do not hold the pool.
    pub(crate) fn lasting(mut self) -> Picked<'static> {
        self.replaced = true;
        Picked { member: Cow::Owned(Arc::clone(&self.member)), awaited: self.awaited, replaced: false }
    }

    pub(crate) fn member(&self) -> &Arc<Member> {
        &self.member
    }

    /// Its answer has begun, or it has failed.
    pub(super) fn is_over(&mut self, verdict: Verdict, now: u64) {
        if !std::mem::take(&mut self.awaited) {
            return;
        }
        self.member.told.fetch_add(1, Release);
        let others = self.member.awaited() > 0;
        if !matches!(verdict, Verdict::Timeout(_) | Verdict::Transport(Sent::Nothing) | Verdict::Unknown) {
            self.member.silent_since.store(if others { now } else { 0 }, Relaxed);
        }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.member.endpoint
    }
}

impl Drop for Picked<'_> {
    fn drop(&mut self) {
        if self.replaced {
            return;
        }
        self.member.over.fetch_add(1, Release);
        if self.awaited {
            self.member.told.fetch_add(1, Release);
        }
    }
}
