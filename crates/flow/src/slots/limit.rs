//! How many calls a backend can have under way: given, or found. What is found counts calls whose answer has not begun. What is found follows from Little's law: as many as it
//! answers a second, times as long as an answer takes where there is little to do, is what keeps it busy; twice as many are
//! let in, so that it has some to choose from, and so that a wrong guess by half does no harm.
//!
//! Calls are watched for a tenth of a second at a time. The limit is changed only where it is reached. What "little to do"
//! takes is learned (`pace.rs`), and now and then three of four turns are held back for a moment to learn it again: a backend
//! that was never idle would else seem to be always so slow.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_core::Tally;

use crate::verdict::Verdict;

/// What it begins with.
const FIRST: usize = 64;

/// The least it shrinks to.
const LEAST: usize = 8;

/// The most it grows to.
const MOST: usize = 100_000;

/// Calls that are let in, to those that keep the backend busy.
const GAIN: f64 = 2.0;

/// How long calls are watched, at least.
const WINDOW: u64 = 100_000_000;

/// Calls that a window needs, unless it lasts ten times as long.
const ENOUGH: u64 = 10;

/// What is left of the busiest window after each that is less busy: half after seven seconds.
const FORGETS: f64 = 0.99;

/// Calls are never refused for so little.
const LEAST_PATIENCE: Duration = Duration::from_millis(100);

/// The time between two moments with a quarter of the turns, while the limit is reached.
const AGAIN: u64 = 20_000_000_000;

/// The limit.
pub(super) struct Limit {
    fixed: bool,
    now: AtomicUsize,
    /// Whether somebody had to wait since the last window began.
    pressed: AtomicBool,
    /// The mean time of a call, in nanoseconds.
    took: AtomicU64,
    /// Calls that were seen in all, by the places below.
    seen: Tally<3>,
    /// The most that were under way since the last window began, and when that was.
    busiest: AtomicUsize,
    began: AtomicU64,
    window: Mutex<Window>,
}

/// Calls that were answered.
const CALLS: usize = 0;

/// Nanoseconds that they would have taken with little to do.
const WORK: usize = 1;

/// Calls that were turned away by the backend itself.
const REFUSED: usize = 2;

/// What was seen since the last change.
#[derive(Default)]
struct Window {
    /// What was seen before it, by place.
    before: [u64; 3],
    /// Calls at a time that kept the backend busy of late.
    work_of_late: f64,
    /// The most that they were, slowly forgotten.
    needed: f64,
    /// The limit before the moment with a quarter of it, and when that ends.
    held_back: Option<(usize, u64)>,
    last_held_back: u64,
}

/// What a window came to.
struct Seen {
    seconds: f64,
    /// Seconds that its calls would have taken with little to do.
    work: f64,
    /// Whether the backend itself turned away more than a few.
    refused: bool,
    /// Whether the limit was reached, or nearly.
    reached: bool,
}

impl Limit {
    pub(super) fn new(fixed: Option<usize>) -> Self {
        Self {
            fixed: fixed.is_some(),
            now: AtomicUsize::new(fixed.unwrap_or(FIRST)),
            pressed: AtomicBool::new(false),
            took: AtomicU64::new(0),
            seen: Tally::default(),
            busiest: AtomicUsize::new(0),
            began: AtomicU64::new(0),
            window: Mutex::default(),
        }
    }

    pub(super) const fn is_given(&self) -> bool {
        self.fixed
    }

    pub(super) fn get(&self) -> usize {
        self.now.load(Relaxed)
    }

    /// Somebody has to wait.
    pub(super) fn pressed(&self) {
        if !self.pressed.load(Relaxed) {
            self.pressed.store(true, Relaxed);
        }
    }

    /// How long a call may be kept waiting: five times as long as it takes.
    pub(super) fn patience(&self) -> Duration {
        let took = Duration::from_nanos(self.took.load(Relaxed));
        if took.is_zero() { Duration::MAX } else { (took * 5).max(LEAST_PATIENCE) }
    }

    /// How long one waits who has `ahead` others before it, about.
    pub(super) fn wait_for(&self, ahead: usize) -> Duration {
        let rounds = u64::try_from(ahead / self.get().max(1)).unwrap_or(u64::MAX);
        Duration::from_nanos(self.took.load(Relaxed).saturating_mul(rounds))
    }

    /// Takes note of a call's outcome, and of how long it would have taken with little to do. Whether the limit was raised.
    pub(super) fn judge(
        &self,
        verdict: Verdict,
        (took, least): (Duration, Duration),
        in_flight: usize,
        now: u64,
    ) -> bool {
        if verdict == Verdict::Good {
            let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            let before = self.took.load(Relaxed);
            self.took.store(if before == 0 { took } else { before - before / 8 + took / 8 }, Relaxed);
        }
        if self.fixed {
            return false;
        }
        if in_flight > self.busiest.load(Relaxed) {
            self.busiest.fetch_max(in_flight, Relaxed);
        }
        if verdict == Verdict::Good {
            self.seen.add([(CALLS, 1), (WORK, u64::try_from(least.as_nanos()).unwrap_or(u64::MAX))]);
        } else if matches!(verdict, Verdict::Pushback(_)) {
            self.seen.add([(REFUSED, 1)]);
        }
        now.saturating_sub(self.began.load(Relaxed)) >= WINDOW && self.look(now)
    }

    /// Begins the next window, where enough was seen in this one. Whether the limit was raised.
    fn look(&self, now: u64) -> bool {
        // Another is at it.
        let Some(mut window) = self.window.try_lock() else { return false };
        let since = now.saturating_sub(self.began.load(Relaxed));
        let seen = [CALLS, WORK, REFUSED].map(|place| self.seen.sum(place));
        let ([calls, work, refused], [old_calls, old_work, old_refused]) = (seen, window.before);
        let (calls, refused) = (calls.wrapping_sub(old_calls), refused.wrapping_sub(old_refused));
        let over = since >= WINDOW && (calls + refused >= ENOUGH || since >= 10 * WINDOW);
        if !over {
            return false;
        }
        window.before = seen;
        self.began.store(now, Relaxed);
        let (before, busiest) = (self.get(), self.busiest.swap(0, Relaxed));
        let reached = self.pressed.swap(false, Relaxed) || busiest >= before.saturating_mul(4) / 5;
        let seen = Seen {
            seconds: seconds(since),
            work: seconds(work.wrapping_sub(old_work)),
            refused: refused > calls / 8,
            reached,
        };
        let after = window.next(before, &seen, now);
        self.now.store(after, Relaxed);
        after > before
    }
}

fn seconds(nanoseconds: u64) -> f64 {
    Duration::from_nanos(nanoseconds).as_secs_f64()
}

impl Window {
    /// The limit after this window; the next one begins.
    fn next(&mut self, limit: usize, seen: &Seen, now: u64) -> usize {
        // Answers come in bursts: a few windows together say more than one.
        self.work_of_late = self.work_of_late * 0.75 + seen.work / seen.seconds.max(0.001) * 0.25;
        self.needed = self.work_of_late.max(self.needed * FORGETS);
        if let Some((before, until)) = self.held_back {
            if now < until {
                return limit;
            }
            self.held_back = None;
            return before;
        }
        if !seen.reached {
            return limit;
        }
        if seen.refused {
            return scaled(limit, 0.8);
        }
        if self.last_held_back == 0 {
            self.last_held_back = now.max(1);
        } else if now.saturating_sub(self.last_held_back) >= AGAIN {
            self.last_held_back = now;
            self.held_back = Some((limit, now.saturating_add(2 * WINDOW)));
            return (limit / 4).max(1);
        }
        // Not by more than a half at once, nor less by more than a tenth: one window is not the whole truth.
        #[expect(clippy::cast_precision_loss, reason = "at most 100,000")]
        let change = (self.needed * GAIN / limit as f64).clamp(0.9, 1.5);
        scaled(limit, change)
    }
}

fn scaled(limit: usize, by: f64) -> usize {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most 100,000, times 1.5"
    )]
    let scaled = (limit as f64 * by).round() as usize;
    scaled.clamp(LEAST, MOST)
}
