//! How fast a version answers when there is little to do, and how long the slow ones take.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::{Duration, Instant};

use sluicegate_core::Share;

/// Of the mean, what a new call changes: an eighth.
const MEMORY: u64 = 8;

/// How long it takes until a lasting change is taken for the normal state.
const FORGETS: u64 = 600_000_000_000;

/// Steps of the scale by which times are counted: each a fifth longer than the one before.
const STEPS: usize = 96;

/// The first step ends here, in nanoseconds.
const FIRST: f64 = 10_000.0;

/// Each step beside the one before.
const GROWTH: f64 = 1.2;

/// Times counted before the old ones are halved.
const MANY: u32 = 4096;

/// Times that are needed before any say is made of them.
const ENOUGH: u32 = 50;

/// The pace of a version. Lives on from generation to generation.
#[derive(Debug)]
pub(crate) struct Pace {
    mean: AtomicU64,
    least: AtomicU64,
    told_at: AtomicU64,
    epoch: Instant,
    steps: [AtomicU32; STEPS],
    counted: AtomicU32,
}

impl Pace {
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            mean: AtomicU64::new(0),
            least: AtomicU64::new(0),
            told_at: AtomicU64::new(0),
            epoch: now,
            steps: [const { AtomicU32::new(0) }; STEPS],
            counted: AtomicU32::new(0),
        }
    }

    /// Takes in a call's time. How long one takes where there is little to do.
    pub(crate) fn took(&self, took: Duration, now: Instant) -> Duration {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1);
        let now = u64::try_from(now.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX);
        let (mean, least) = (self.mean.load(Relaxed), self.least.load(Relaxed));
        let mean = if mean == 0 { took } else { (mean - mean / MEMORY).saturating_add(took / MEMORY).max(1) };
        self.mean.store(mean, Relaxed);
        // Two calls that end at once may both count the time since the one before: the least still stays below the mean.
        let since = now.saturating_sub(self.told_at.load(Relaxed));
        self.told_at.store(now, Relaxed);
        let least = if least == 0 || mean < least {
            mean
        } else {
            let forgotten = u128::from(mean - least) * u128::from(since.min(FORGETS)) / u128::from(FORGETS);
            least.saturating_add(u64::try_from(forgotten).unwrap_or(0))
        };
        self.least.store(least, Relaxed);
        Duration::from_nanos(least)
    }

    /// Counts a time for [`Pace::within`].
    pub(crate) fn count(&self, took: Duration) {
        if let Some(step) = self.steps.get(step(took)) {
            step.fetch_add(1, Relaxed);
        }
        if self.counted.fetch_add(1, Relaxed) >= MANY {
            self.counted.store(MANY / 2, Relaxed);
            for step in &self.steps {
                step.store(step.load(Relaxed) / 2, Relaxed);
            }
        }
    }

    /// The time within which `part` of the calls have their answer; `None` while too few were seen.
    pub(crate) fn within(&self, part: Share) -> Option<Duration> {
        let counts: Vec<u32> = self.steps.iter().map(|step| step.load(Relaxed)).collect();
        let total: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        if total < u64::from(ENOUGH) {
            return None;
        }
        let wanted = (total * u64::from(part.thousandths())).div_ceil(100_000);
        let mut seen = 0;
        let step = counts.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        })?;
        let end = FIRST * GROWTH.powi(i32::try_from(step).unwrap_or(i32::MAX));
        Duration::try_from_secs_f64(end / 1e9).ok()
    }
}

fn step(took: Duration) -> usize {
    let times = took.as_secs_f64() * 1e9 / FIRST;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the steps there are")]
    let step = if times <= 1.0 { 0 } else { (times.ln() / GROWTH.ln()).ceil().min((STEPS - 1) as f64) as usize };
    step
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use sluicegate_core::Share;

    use super::Pace;

    #[expect(clippy::disallowed_methods, reason = "a starting point for made-up times")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn the_fastest_of_late_is_known() {
        let begin = start();
        let pace = Pace::new(begin);
        let mut now = begin;
        let mut run = |milliseconds, times| {
            let mut least = Duration::ZERO;
            for _ in 0..times {
                now += Duration::from_millis(100);
                least = pace.took(Duration::from_millis(milliseconds), now);
            }
            least.as_millis()
        };
        assert_eq!(run(40, 50), 40);
        assert!((40..46).contains(&run(120, 40)), "four seconds are not much");
        assert!(run(120, 18_000) > 110, "what lasts half an hour is normal");
        assert!(run(40, 100) < 42, "faster is the new least at once");
    }

    #[test]
    fn the_time_of_most_calls_is_known_to_a_fifth() {
        let pace = Pace::new(start());
        assert_eq!(pace.within(Share::percent(95)), None);
        for nth in 1..=1000_u64 {
            pace.count(Duration::from_micros(nth * 100));
        }
        let within = pace.within(Share::percent(95)).unwrap();
        assert!((Duration::from_millis(94)..Duration::from_millis(115)).contains(&within), "{within:?}");
    }
}
