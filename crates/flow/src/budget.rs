//! How often a call may be made again: a share of the calls that are made, and a few a second in any case. One for all calls
//! of a backend, so that trouble is never made worse by more than that share.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::{Duration, Instant};

use sluicegate_core::Share;

/// What a further try costs, in thousandths of one per cent of a call.
const TRY: i64 = 100_000;

/// Further tries that may be saved up.
const MOST: i64 = 100 * TRY;

/// Tries that are there to begin with: trouble may come before there were calls to save up from.
const FIRST: i64 = 10 * TRY;

/// The time between two tries that are allowed in any case: three a second.
const FLOOR: Duration = Duration::from_millis(333);

/// A budget.
#[derive(Debug)]
pub(crate) struct Budget {
    share: Share,
    saved: AtomicI64,
    epoch: Instant,
    /// Nanoseconds since the epoch before which the next try of the floor may not be.
    floor: AtomicU64,
    made: AtomicU64,
    denied: AtomicU64,
}

impl Budget {
    /// With what it begins with.
    pub(crate) const fn new(share: Share, now: Instant) -> Self {
        Self {
            share,
            saved: AtomicI64::new(FIRST),
            epoch: now,
            floor: AtomicU64::new(0),
            made: AtomicU64::new(0),
            denied: AtomicU64::new(0),
        }
    }

    /// Further tries that were made, and that were not since nothing was left.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.made.load(Relaxed), self.denied.load(Relaxed))
    }

    /// A first call is made.
    pub(crate) fn deposit(&self) {
        if self.saved.load(Relaxed) < MOST {
            self.saved.fetch_add(i64::from(self.share.thousandths()), Relaxed);
        }
    }

    /// Whether one more may be made; it then counts.
    pub(crate) fn withdraw(&self, now: Instant) -> bool {
        let granted = self.take(now);
        let count = if granted { &self.made } else { &self.denied };
        count.fetch_add(1, Relaxed);
        granted
    }

    fn take(&self, now: Instant) -> bool {
        if self.saved.fetch_sub(TRY, Relaxed) >= TRY {
            return true;
        }
        self.saved.fetch_add(TRY, Relaxed);
        let now = u64::try_from(now.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX);
        let next = now.saturating_add(u64::try_from(FLOOR.as_nanos()).unwrap_or(u64::MAX));
        self.floor.fetch_update(Relaxed, Relaxed, |floor| (floor <= now).then_some(next)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use sluicegate_core::Share;

    use super::Budget;

    #[expect(clippy::disallowed_methods, reason = "a starting point for made-up times")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn tries_are_a_share_of_calls_and_a_few_a_second() {
        let now = start();
        let budget = Budget::new(Share::percent(10), now);
        assert_eq!((0..20).filter(|_| budget.withdraw(now)).count(), 11, "ten, and one that is always allowed");
        for _ in 0..30 {
            budget.deposit();
        }
        assert_eq!((0..10).filter(|_| budget.withdraw(now)).count(), 3, "a tenth of thirty");
        assert!(budget.withdraw(now + Duration::from_secs(1)));
        assert!(!budget.withdraw(now + Duration::from_millis(1100)));
        assert_eq!(budget.counts(), (15, 17));
    }

    #[test]
    fn not_everything_is_saved_up() {
        let now = start();
        let budget = Budget::new(Share::percent(100), now);
        for _ in 0..100_000 {
            budget.deposit();
        }
        let more = (0..1000).filter(|_| budget.withdraw(now)).count();
        assert_eq!(more, 101, "a hundred, and the one that is always allowed");
    }
}
