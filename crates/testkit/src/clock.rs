//! A clock that tests set.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use sluicegate_core::Clock;

/// Where a fake time of day starts: 2025-10-09 08:53:20 UTC.
const WALL: Duration = Duration::from_secs(1_760_000_000);

/// Time for tests: tokio's, which a test can pause and advance, plus what the test adds by hand.
#[derive(Debug)]
pub struct FakeClock {
    start: Instant,
    follows: bool,
    added: AtomicU64,
}

impl FakeClock {
    /// Stands still until advanced by hand.
    #[must_use]
    pub fn still() -> Self {
        Self { start: tokio_now(), follows: false, added: AtomicU64::new(0) }
    }

    /// Follows tokio's time, paused or not, so that timers and clock agree.
    #[must_use]
    pub fn following_tokio() -> Self {
        Self { start: tokio_now(), follows: true, added: AtomicU64::new(0) }
    }

    /// Puts the clock forward.
    ///
    /// # Panics
    /// By more than five centuries in all.
    pub fn advance(&self, by: Duration) {
        let Ok(nanos) = u64::try_from(by.as_nanos()) else { panic!("{by:?} is too far ahead for a fake clock") };
        self.added.fetch_add(nanos, Ordering::SeqCst);
    }

    fn passed(&self) -> Duration {
        let followed = if self.follows { tokio_now().saturating_duration_since(self.start) } else { Duration::ZERO };
        followed + Duration::from_nanos(self.added.load(Ordering::SeqCst))
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Instant {
        self.start + self.passed()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + WALL + self.passed()
    }
}

fn tokio_now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sluicegate_core::Clock;

    use super::FakeClock;

    #[test]
    fn still_until_advanced() {
        let clock = FakeClock::still();
        let (now, wall) = (clock.now(), clock.wall());
        assert_eq!(clock.now(), now);
        clock.advance(Duration::from_secs(3));
        assert_eq!(clock.now() - now, Duration::from_secs(3));
        assert_eq!(clock.wall().duration_since(wall).unwrap(), Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn follows_paused_time() {
        let clock = FakeClock::following_tokio();
        let now = clock.now();
        tokio::time::advance(Duration::from_millis(1500)).await;
        clock.advance(Duration::from_millis(500));
        assert_eq!(clock.now() - now, Duration::from_secs(2));
    }
}
