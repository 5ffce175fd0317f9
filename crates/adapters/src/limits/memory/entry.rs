//! What one subject has taken of one limit.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use sluicegate_core::limits::{Occupied, Place};

use super::pace::{Pace, Unit};

/// A subject's counter. What is in it is right for the pace it adopted last.
#[derive(Debug)]
pub(super) struct Entry {
    /// When all of the quota is there again, in ticks of `unit`.
    whole_at: u128,
    unit: Unit,
    /// The places that are taken, once one was.
    places: Option<Arc<Taken>>,
}

/// How many places are taken. More are taken only by who has the entry, so that there are never too many.
#[derive(Debug, Default)]
struct Taken(AtomicU64);

impl Default for Entry {
    fn default() -> Self {
        Self { whole_at: 0, unit: Unit { each: 1, nano: 1 }, places: None }
    }
}

impl Entry {
    /// Whether it says no more than that there is nothing to say.
    pub(super) fn is_idle(&self, now: u64) -> bool {
        self.whole_at <= self.unit.at(now) && self.held() == 0
    }

    /// Goes on at another pace, with as much taken as before.
    pub(super) fn adopt(&mut self, pace: &Pace, now: u64) {
        if self.unit != pace.unit {
            let taken = self.unit.convert(self.taken(now), pace.unit);
            (self.whole_at, self.unit) = (pace.unit.at(now) + taken, pace.unit);
        }
    }

    /// How long until `cost` can be taken; `None`: never.
    pub(super) fn wait(&self, pace: &Pace, cost: u64, now: u64) -> Option<Duration> {
        let over = (self.taken(now) + pace.unit.of(cost)).saturating_sub(pace.whole());
        (cost <= pace.burst).then(|| pace.unit.time(over))
    }

    /// Takes `cost`.
    pub(super) fn take(&mut self, pace: &Pace, cost: u64, now: u64) {
        self.whole_at = self.whole_at.max(pace.unit.at(now)) + pace.unit.of(cost);
    }

    /// How much can be taken at once.
    pub(super) fn remaining(&self, pace: &Pace, now: u64) -> u64 {
        pace.unit.count(pace.whole().saturating_sub(self.taken(now)))
    }

    /// How long until all of it is there.
    pub(super) fn whole_in(&self, pace: &Pace, now: u64) -> Duration {
        pace.unit.time(self.taken(now))
    }

    /// Places that are taken.
    pub(super) fn held(&self) -> u64 {
        self.places.as_ref().map_or(0, |taken| taken.0.load(Relaxed))
    }

    /// Takes one more place.
    pub(super) fn occupy(&mut self) -> Place {
        let taken = self.places.get_or_insert_default();
        taken.0.fetch_add(1, Relaxed);
        // Named, so that it is the counter that is shared, and becomes one that anybody can leave.
        let taken: Arc<Taken> = Arc::clone(taken);
        Place::taken(taken)
    }

    fn taken(&self, now: u64) -> u128 {
        self.whole_at.saturating_sub(self.unit.at(now))
    }
}

impl Occupied for Taken {
    fn leave(&self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
