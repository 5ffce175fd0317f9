//! A quota in whole numbers. A nanosecond has as many ticks as it takes for one of the quota to take a whole number of them:
//! three a second is 1,000,000,000 ticks each, three of them a nanosecond.

use std::time::Duration;

use sluicegate_core::limits::Quota;

const NANOS: u64 = 1_000_000_000;

/// What one of a quota takes, and how time runs in its ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// Ticks of one.
    pub(super) each: u64,
    /// Ticks of a nanosecond.
    pub(super) nano: u64,
}

/// A quota's unit, and how many of it may be taken at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) unit: Unit,
    pub(super) burst: u64,
}

impl Pace {
    pub(super) fn new(quota: Quota) -> Self {
        let (window, quantity) = (quota.rate.window.seconds() * NANOS, quota.rate.quantity.get());
        let common = gcd(window, quantity);
        Self { unit: Unit { each: window / common, nano: quantity / common }, burst: quota.burst.get() }
    }

    /// All that may be taken at once.
    pub(super) fn whole(&self) -> u128 {
        self.unit.of(self.burst)
    }
}

impl Unit {
    /// The ticks of so many. No two factors of 64 bits are too much for 128.
    pub(super) fn of(self, count: u64) -> u128 {
        u128::from(self.each) * u128::from(count)
    }

    /// The ticks up to a time.
    pub(super) fn at(self, nanos: u64) -> u128 {
        u128::from(self.nano) * u128::from(nanos)
    }

    /// How many of the quota these are, whole ones.
    pub(super) fn count(self, ticks: u128) -> u64 {
        u64::try_from(ticks / u128::from(self.each)).unwrap_or(u64::MAX)
    }

    /// How long these take, no shorter.
    pub(super) fn time(self, ticks: u128) -> Duration {
        Duration::from_nanos(u64::try_from(ticks.div_ceil(u128::from(self.nano))).unwrap_or(u64::MAX))
    }

    /// What these ticks are in another unit: as many of the quota, and no less of the last one.
    pub(super) fn convert(self, ticks: u128, other: Self) -> u128 {
        let (before, after) = (u128::from(self.each), u128::from(other.each));
        ticks / before * after + (ticks % before * after).div_ceil(before)
    }
}

fn gcd(mut left: u64, mut right: u64) -> u64 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}
