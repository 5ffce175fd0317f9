//! What the implementations are held against: a bucket of tokens, which fills up as time passes. Reckoned in another way than
//! a generic cell rate is, and exactly: in tokens that are cut into as many parts as a window has nanoseconds.

use std::time::Duration;

use sluicegate_core::limits::{Quota, Standing};

/// A quota and what is left of it.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    parts: i128,
    burst: i128,
    quantity: i128,
    window: i128,
    at: Duration,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(quota: Quota) -> Self {
        let window = i128::from(quota.rate.window.seconds()) * 1_000_000_000;
        let (burst, quantity) = (i128::from(quota.burst.get()), i128::from(quota.rate.quantity.get()));
        Self { parts: burst * window, burst, quantity, window, at: Duration::ZERO }
    }

    /// Time passes.
    pub(super) fn fill(&mut self, to: Duration) {
        let passed = i128::try_from((to - self.at).as_nanos()).unwrap_or(i128::MAX);
        self.at = to;
        self.parts = (self.parts + passed * self.quantity).min(self.burst * self.window);
    }

    /// Whether there is so much.
    pub(super) fn has(&self, cost: u64) -> bool {
        i128::from(cost) * self.window <= self.parts
    }

    pub(super) fn take(&mut self, cost: u64) {
        self.parts -= i128::from(cost) * self.window;
    }

    /// Where it stands, as the quota of this limit.
    pub(super) fn standing(&self, limit: usize) -> Standing {
        let remaining = (self.parts / self.window).max(0);
        let more_in = if remaining < self.burst { self.until((remaining + 1) * self.window) } else { Duration::ZERO };
        let whole_in = self.until(self.burst * self.window);
        Standing { limit, remaining: u64::try_from(remaining).unwrap_or(u64::MAX), more_in, whole_in }
    }

    /// Until so many are there, where so many ever are.
    pub(super) fn wait(&self, cost: u64) -> Option<Duration> {
        (i128::from(cost) <= self.burst).then(|| self.until(i128::from(cost) * self.window))
    }

    /// Whether it is of another quota.
    pub(super) fn changes_to(&self, quota: Quota) -> bool {
        let new = Self::new(quota);
        (self.burst, self.quantity, self.window) != (new.burst, new.quantity, new.window)
    }

    /// Goes on with another quota, with as much taken as before.
    pub(super) fn change(&mut self, quota: Quota) {
        let (new, used) = (Self::new(quota), self.burst * self.window - self.parts);
        let used = used / self.window * new.window + (used % self.window * new.window + self.window - 1) / self.window;
        *self = Self { parts: new.parts - used, at: self.at, ..new };
    }

    fn until(&self, parts: i128) -> Duration {
        let missing = u128::try_from(parts - self.parts).unwrap_or(0);
        let nanos = missing.div_ceil(u128::try_from(self.quantity).unwrap_or(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}
