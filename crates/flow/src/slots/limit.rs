//! How many calls a backend can have under way: given, or found by watching how much slower it gets the more it has to do.
//!
//! Calls are watched for a tenth of a second at a time. While they are as fast as with little to do, and all turns are taken,
//! the limit grows; where they take half as long again, it shrinks in proportion. What "little to do" takes is learned, and
//! now and then half the turns are held back for a moment to learn it again: a backend that was never idle would else seem
//! to be always so slow.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::time::Duration;

use parking_lot::Mutex;

use crate::verdict::Verdict;

/// What it begins with.
const FIRST: usize = 20;

/// The least it shrinks to.
const LEAST: usize = 8;

/// The most it grows to.
const MOST: usize = 100_000;

/// How long calls are watched, at least.
const WINDOW: u64 = 100_000_000;

/// Calls that a window needs, unless it lasts ten times as long.
const ENOUGH: u32 = 10;

/// Slower than this, calls queue up within the backend.
const SLOW: f64 = 1.5;

/// Faster than this, there is room.
const FAST: f64 = 1.25;

/// Calls are never refused for so little.
const LEAST_PATIENCE: Duration = Duration::from_millis(100);

/// The time between two moments with half the turns, while the limit is reached.
const AGAIN: u64 = 20_000_000_000;

/// The limit.
pub(super) struct Limit {
    fixed: bool,
    now: AtomicUsize,
    /// Whether somebody had to wait since the last window began.
    pressed: AtomicBool,
    /// The mean time of a call, in nanoseconds.
    took: AtomicU64,
    window: Mutex<Window>,
}

/// What was seen since the last change.
#[derive(Default)]
struct Window {
    began: u64,
    calls: u32,
    slowness: f64,
    strains: u32,
    busiest: usize,
    /// The limit before the moment with half of it, and when that ends.
    held_back: Option<(usize, u64)>,
    last_held_back: u64,
    /// Whether it has ever been reached.
    found: bool,
}

impl Limit {
    pub(super) fn new(fixed: Option<usize>) -> Self {
        Self {
            fixed: fixed.is_some(),
            now: AtomicUsize::new(fixed.unwrap_or(FIRST)),
            pressed: AtomicBool::new(false),
            took: AtomicU64::new(0),
            window: Mutex::default(),
        }
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

    /// How long a call may be kept waiting: ten times as long as it takes.
    pub(super) fn patience(&self) -> Duration {
        let took = Duration::from_nanos(self.took.load(Relaxed));
        if took.is_zero() { Duration::MAX } else { (took * 10).max(LEAST_PATIENCE) }
    }

    /// How long one waits who has `ahead` others before it, about.
    pub(super) fn wait_for(&self, ahead: usize) -> Duration {
        let rounds = u64::try_from(ahead / self.get().max(1)).unwrap_or(u64::MAX);
        Duration::from_nanos(self.took.load(Relaxed).saturating_mul(rounds))
    }

    /// Takes note of a call's outcome. Whether the limit was raised.
    pub(super) fn judge(&self, verdict: Verdict, took: Duration, slowness: f64, in_flight: usize, now: u64) -> bool {
        if verdict == Verdict::Good {
            let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            let before = self.took.load(Relaxed);
            self.took.store(if before == 0 { took } else { before - before / 8 + took / 8 }, Relaxed);
        }
        if self.fixed {
            return false;
        }
        // Another is at it: one call less is seen.
        let Some(mut window) = self.window.try_lock() else { return false };
        window.busiest = window.busiest.max(in_flight);
        if verdict == Verdict::Good {
            window.calls += 1;
            window.slowness += slowness;
        } else if verdict.is_strain() {
            window.strains += 1;
        }
        let since = now.saturating_sub(window.began);
        let over = since >= WINDOW && (window.calls + window.strains >= ENOUGH || since >= 10 * WINDOW);
        if !over {
            return false;
        }
        let before = self.get();
        let after = window.next(before, self.pressed.swap(false, Relaxed), now);
        self.now.store(after, Relaxed);
        after > before
    }
}

impl Window {
    /// The limit after this window; the next one begins.
    fn next(&mut self, limit: usize, pressed: bool, now: u64) -> usize {
        let slowness = if self.calls > 0 { self.slowness / f64::from(self.calls) } else { 1.0 };
        let strained = self.strains > self.calls / 8;
        let reached = pressed || self.busiest >= limit.saturating_mul(4) / 5;
        (self.began, self.calls, self.strains, self.slowness, self.busiest) = (now, 0, 0, 0.0, 0);
        if let Some((before, until)) = self.held_back {
            // What was learned meanwhile is in the slowness of the calls that follow.
            if now < until {
                return limit;
            }
            self.held_back = None;
            return before;
        }
        if !reached {
            return limit;
        }
        if strained {
            self.found = true;
            return scaled(limit, 0.8);
        }
        if slowness > SLOW {
            self.found = true;
            return scaled(limit, (SLOW / slowness).max(0.7));
        }
        if now.saturating_sub(self.last_held_back) >= AGAIN && (self.found || self.last_held_back != 0) {
            self.last_held_back = now;
            self.held_back = Some((limit, now.saturating_add(2 * WINDOW)));
            return scaled(limit, 0.5);
        }
        if self.last_held_back == 0 {
            self.last_held_back = now.max(1);
        }
        if slowness > FAST {
            self.found = true;
            return limit;
        }
        // Fast at first; then by little, so that it is not overshot by much.
        let more = if self.found { limit.isqrt() / 2 + 1 } else { limit / 2 + 1 };
        limit.saturating_add(more).min(MOST)
    }
}

fn scaled(limit: usize, by: f64) -> usize {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most 100,000, scaled down"
    )]
    let scaled = (limit as f64 * by) as usize;
    scaled.max(LEAST)
}
