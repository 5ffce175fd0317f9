//! How one endpoint does: what its calls and its probes say, and what follows for the next request. Read by every request,
//! so that all of it is atomics; written seldom. It must not know who asks.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::time::Duration;

use sluicegate_config::{Ejection, Probing};

use crate::verdict::Verdict;

/// Longest time an endpoint is left out for failing.
const LONGEST: Duration = Duration::from_secs(300);

/// Outcomes after which the share of failures says something.
const ENOUGH: u32 = 20;

/// A share of failures as a number of 2^16.
const HALF: u32 = 1 << 15;

/// Whether an endpoint may be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fitness {
    /// Yes.
    Fit,
    /// Left out for failing, and its time is over: one call will show.
    Trial,
    /// It asked for rest.
    Resting,
    /// Left out for failing.
    Ejected,
    /// Its probes say that it is down.
    Down,
}

/// The state. Moments are nanoseconds since the backend's first; zero is none.
#[derive(Debug, Default)]
pub(crate) struct Health {
    down: AtomicBool,
    /// Bad probes in a row, or good ones while it is down.
    probes: AtomicU32,
    rest_until: AtomicU64,
    out_until: AtomicU64,
    /// When it came back.
    back_at: AtomicU64,
    /// Times it was left out without having done well in between.
    times: AtomicU32,
    /// Failures in a row, and when the first of them was.
    failures: AtomicU32,
    failing_since: AtomicU64,
    /// The share of failures among the last outcomes, of 2^16.
    share: AtomicU32,
    /// Outcomes since it came back, counted to [`ENOUGH`].
    outcomes: AtomicU32,
}

/// What follows from a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follows {
    Nothing,
    /// It should be left out, if that may be.
    Eject,
    /// It is back.
    Back,
}

impl Health {
    pub(crate) fn fitness(&self, now: u64) -> Fitness {
        if self.down.load(Relaxed) {
            return Fitness::Down;
        }
        match self.out_until.load(Relaxed) {
            0 if self.rest_until.load(Relaxed) > now => Fitness::Resting,
            0 => Fitness::Fit,
            until if until > now => Fitness::Ejected,
            _ => Fitness::Trial,
        }
    }

    /// Takes note of what came of a call, as far as its answer's head says it.
    pub(super) fn called(&self, verdict: Verdict, eject: &Ejection, now: u64) -> Follows {
        if let Verdict::Pushback(Some(rest)) = verdict {
            self.rest_until.fetch_max(now.saturating_add(nanoseconds(rest)), Relaxed);
        }
        match verdict {
            Verdict::Unknown | Verdict::Pushback(_) | Verdict::NotHere => Follows::Nothing,
            _ if verdict.is_failure() => self.failed(eject, now),
            // Also an answer to a bad request is a sign of life.
            _ => self.succeeded(now),
        }
    }

    /// An answer to a call that was begun then came whole: what failed in a row is forgotten.
    pub(super) fn ended_well(&self, began: impl FnOnce() -> u64) {
        // What was begun before it failed says nothing of how it does since.
        if self.failures.load(Relaxed) != 0 && began() >= self.failing_since.load(Relaxed) {
            self.failures.store(0, Relaxed);
        }
    }

    fn succeeded(&self, now: u64) -> Follows {
        let share = self.share.load(Relaxed);
        if share != 0 {
            self.share.store(share - share.div_ceil(16), Relaxed);
        }
        let outcomes = self.outcomes.load(Relaxed);
        if outcomes < ENOUGH {
            self.outcomes.store(outcomes + 1, Relaxed);
        } else if self.times.load(Relaxed) != 0 && share == 0 {
            // It has done well for long enough.
            self.times.store(0, Relaxed);
        }
        let until = self.out_until.load(Relaxed);
        if until == 0 || until > now {
            return Follows::Nothing;
        }
        // Of several that come at once, one brings it back.
        if self.out_until.compare_exchange(until, 0, Relaxed, Relaxed).is_err() {
            return Follows::Nothing;
        }
        self.back_at.store(now, Relaxed);
        Follows::Back
    }

    fn failed(&self, eject: &Ejection, now: u64) -> Follows {
        let failures = self.failures.fetch_add(1, Relaxed).saturating_add(1);
        if failures == 1 {
            self.failing_since.store(now, Relaxed);
        }
        let share = self.share.load(Relaxed);
        let share = share + ((1 << 16) - share) / 16;
        self.share.store(share, Relaxed);
        let outcomes = self.outcomes.load(Relaxed).saturating_add(1).min(ENOUGH);
        self.outcomes.store(outcomes, Relaxed);
        let until = self.out_until.load(Relaxed);
        let on_trial = until != 0 && until <= now;
        let often = failures >= eject.failures || (outcomes >= ENOUGH && share >= HALF);
        if eject.failures != 0 && (on_trial || (often && until == 0)) { Follows::Eject } else { Follows::Nothing }
    }

    /// Leaves it out from `now` on; longer each time.
    pub(super) fn eject(&self, eject: &Ejection, now: u64) -> Duration {
        let times = self.times.fetch_add(1, Relaxed).saturating_add(1);
        let time = eject.time.saturating_mul(times).min(LONGEST);
        self.failures.store(0, Relaxed);
        self.share.store(0, Relaxed);
        self.outcomes.store(0, Relaxed);
        self.out_until.store(now.saturating_add(nanoseconds(time)).max(1), Relaxed);
        time
    }

    /// Whether it counts as left out for failing.
    pub(super) fn is_out(&self, now: u64) -> bool {
        self.out_until.load(Relaxed) > now
    }

    /// Takes note of a probe. Whether its state has changed.
    pub(super) fn probed(&self, good: bool, probing: &Probing, now: u64) -> bool {
        let down = self.down.load(Relaxed);
        if good != down {
            self.probes.store(0, Relaxed);
            return false;
        }
        let probes = self.probes.fetch_add(1, Relaxed).saturating_add(1);
        if probes < if good { probing.successes } else { probing.failures } {
            return false;
        }
        self.probes.store(0, Relaxed);
        self.down.store(!good, Relaxed);
        if good {
            self.back_at.store(now, Relaxed);
        }
        true
    }

    /// Forgets what probes said: none are made any more.
    pub(super) fn unprobed(&self) {
        self.down.store(false, Relaxed);
    }

    /// It is new here.
    pub(super) fn begin(&self, now: u64) {
        self.back_at.store(now, Relaxed);
    }

    /// The part of its weight that it may have at `now`: less for a while after it came back.
    pub(super) fn ramp(&self, slow_start: Duration, now: u64) -> f64 {
        /// What it begins with.
        const LEAST: f64 = 0.1;
        let back = self.back_at.load(Relaxed);
        if back == 0 {
            return 1.0;
        }
        let (since, whole) = (now.saturating_sub(back), nanoseconds(slow_start));
        if since >= whole {
            self.back_at.store(0, Relaxed);
            return 1.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a part of 1 need not be exact")]
        let part = since as f64 / whole as f64;
        part.max(LEAST)
    }

    /// How long it will be left out or at rest, if it is.
    pub(crate) fn left(&self, now: u64) -> Duration {
        let until = self.out_until.load(Relaxed).max(self.rest_until.load(Relaxed));
        Duration::from_nanos(until.saturating_sub(now))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Fitness {
    /// For people.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Fit => "up",
            Self::Trial => "on trial",
            Self::Resting => "resting",
            Self::Ejected => "ejected",
            Self::Down => "down",
        }
    }
}
