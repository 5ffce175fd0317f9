//! Lines for operators that many requests could cause: a few a second, and how many were left out.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Lines in one span.
const MOST: u32 = 10;

/// What they are counted over.
const SPAN: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    begun: Option<Instant>,
    told: u32,
    left_out: u64,
}

impl Seldom {
    /// Whether to tell it at `now`, and if so, how many were left out since the last that was told.
    pub(crate) fn may_tell(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock();
        if state.begun.is_none_or(|begun| now.saturating_duration_since(begun) >= SPAN) {
            (state.begun, state.told) = (Some(now), 0);
        }
        if state.told >= MOST {
            state.left_out += 1;
            return None;
        }
        state.told += 1;
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use sluicegate_core::Clock as _;
    use sluicegate_testkit::FakeClock;

    use super::*;

    #[test]
    fn v_10_a_flood_is_told_in_a_few_lines_and_its_size_in_the_next() {
        let (seldom, start) = (Seldom::default(), FakeClock::still().now());
        let told = (0..100_000_u64).filter(|_| seldom.may_tell(start).is_some()).count();
        assert_eq!(told, 10);
        assert_eq!(seldom.may_tell(start + SPAN / 2), None);
        assert_eq!(seldom.may_tell(start + SPAN), Some(100_000 - 10 + 1));
        assert_eq!(seldom.may_tell(start + SPAN), Some(0));
    }
}
