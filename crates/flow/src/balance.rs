//! The endpoints of a backend: which of them is called next, and what a call's outcome means for the calls after it. It must
//! not know what is called, nor for whom.

mod choose;
mod health;
mod member;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use sluicegate_config::{Balance, Ejection, Probing, Resilience};
use sluicegate_core::{Dice, Endpoint};

use self::choose::Chooser;
pub(crate) use self::health::Fitness;
use self::health::Follows;
pub(crate) use self::member::{Member, Picked};
use crate::verdict::Verdict;

/// How long a caller is told to wait where no endpoint is fit and none says until when.
const SOON: Duration = Duration::from_secs(1);

/// The endpoints of a backend.
pub(crate) struct Pool {
    backend: Arc<str>,
    members: Vec<Arc<Member>>,
    balance: Balance,
    eject: Ejection,
    /// What the members' moments are counted from.
    epoch: Instant,
    /// Whose turn it is to be called, and to be asked: a question that comes with each request would else leave all requests
    /// to the same endpoint.
    turn: AtomicUsize,
    asked: AtomicUsize,
    weights: u32,
}

/// What decides about an endpoint, of one call.
pub(crate) struct Wish<'a> {
    pub(crate) now: Instant,
    pub(crate) dice: &'a dyn Dice,
    /// What stays on one endpoint, where the balance goes by a value.
    pub(crate) key: Option<u64>,
    /// Calls that the whole backend may have under way.
    pub(crate) limit: usize,
    /// Endpoints that were tried already.
    pub(crate) tried: &'a [Arc<Member>],
}

/// No endpoint may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoneFit {
    /// When to come back.
    pub(crate) retry_after: Duration,
}

impl Pool {
    /// The endpoints of a backend; those that `before` has, too, are the same ones.
    pub(crate) fn new(
        backend: &Arc<str>,
        endpoints: impl IntoIterator<Item = (Endpoint, u32)>,
        resilience: &Resilience,
        before: Option<&Self>,
        now: Instant,
    ) -> Self {
        let known = |endpoint: &Endpoint| before?.members.iter().find(|member| member.endpoint == *endpoint);
        let member = |(endpoint, weight)| match known(&endpoint) {
            Some(member) => {
                member.weight.store(weight, Relaxed);
                if resilience.health.is_none() {
                    member.health.unprobed();
                }
                Arc::clone(member)
            }
            None => Arc::new(Member::new(endpoint, weight)),
        };
        let members: Vec<Arc<Member>> = endpoints.into_iter().map(member).collect();
        Self {
            backend: Arc::clone(backend),
            weights: members.iter().map(|member| member.weight.load(Relaxed)).sum(),
            members,
            balance: resilience.balance.clone(),
            eject: resilience.eject,
            epoch: before.map_or(now, |before| before.epoch),
            turn: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
        }
    }

    /// All of them, fit or not.
    pub(crate) fn members(&self) -> &[Arc<Member>] {
        &self.members
    }

    /// The endpoint for the next call.
    pub(crate) fn pick(&self, wish: &Wish<'_>) -> Result<Picked, NoneFit> {
        let now = self.since(wish.now);
        if let [only] = &*self.members
            && only.health.fitness(now) != Fitness::Down
        {
            return Ok(only.pick(now));
        }
        let chooser = Chooser { pool: self, wish, now };
        chooser.choose().map(|member| member.pick(now)).ok_or(NoneFit { retry_after: SOON })
    }

    /// A call of a sequence, whose endpoint is known.
    pub(crate) fn pick_known(&self, member: &Arc<Member>, now: Instant) -> Picked {
        member.pick(self.since(now))
    }

    /// The next endpoint in turn to be asked a question, fit ones first.
    pub(crate) fn in_turn(&self, now: Instant) -> Option<&Arc<Member>> {
        let (now, turn) = (self.since(now), self.asked.fetch_add(1, Relaxed));
        let at = |step: usize| self.members.get(turn.wrapping_add(step).checked_rem(self.members.len())?);
        let fit = (0..self.members.len()).filter_map(at).find(|member| member.health.fitness(now) == Fitness::Fit);
        fit.or_else(|| at(0))
    }

    /// Takes note of how a call's wait for its answer ended, `took` after it began.
    pub(crate) fn answered(
        &self,
        picked: &mut Picked,
        verdict: Verdict,
        took: Duration,
        now: Instant,
        why: impl FnOnce() -> String,
    ) {
        picked.is_over(self.since(now));
        self.judge(picked.member(), verdict, took, now, why);
    }

    /// Takes note of what came of a call, `took` after it began.
    pub(crate) fn judge(
        &self,
        member: &Member,
        verdict: Verdict,
        took: Duration,
        now: Instant,
        why: impl FnOnce() -> String,
    ) {
        let now = self.since(now);
        if verdict == Verdict::Good {
            member.took(took, now);
        }
        if verdict.is_failure() {
            member.failures.fetch_add(1, Relaxed);
            *member.trouble.lock() = Some(why());
        }
        match member.health.called(verdict, &self.eject, (took, now)) {
            Follows::Nothing => {}
            Follows::Back => {
                tracing::info!(backend = %self.backend, endpoint = %member.endpoint.authority, "endpoint is back")
            }
            Follows::Eject => self.eject(member, now),
        }
    }

    fn eject(&self, member: &Member, now: u64) {
        let out = self.members.iter().filter(|other| other.health.is_out(now)).count();
        if out >= self.eject.allowed(self.members.len()) {
            return;
        }
        let time = member.health.eject(&self.eject, now);
        member.ejections.fetch_add(1, Relaxed);
        let (endpoint, trouble) = (&member.endpoint.authority, member.trouble.lock().clone());
        tracing::warn!(backend = %self.backend, %endpoint, ?time, ?trouble, "endpoint left out for failing");
    }

    /// Takes note of a probe.
    pub(crate) fn probed(&self, member: &Member, outcome: Result<(), String>, probing: &Probing, now: Instant) {
        let good = outcome.is_ok();
        let endpoint = &member.endpoint.authority;
        let changed = member.health.probed(good, probing, self.since(now));
        if let Err(trouble) = &outcome {
            *member.trouble.lock() = Some(trouble.clone());
        }
        if changed && good {
            tracing::info!(backend = %self.backend, %endpoint, "endpoint is up");
        } else if changed {
            tracing::warn!(backend = %self.backend, %endpoint, trouble = ?outcome.err(), "endpoint is down");
        }
    }

    /// How a member does at `now`: its fitness, for how long it stays so, and what went wrong last.
    pub(crate) fn state(&self, member: &Member, now: Instant) -> (Fitness, Duration, Option<String>) {
        let now = self.since(now);
        let fitness = member.health.fitness(now);
        let trouble = if fitness == Fitness::Fit { None } else { member.trouble.lock().clone() };
        (fitness, member.health.left(now), trouble)
    }

    /// A member's mean time to an answer at `now`, as far as it is known.
    pub(crate) fn latency(&self, member: &Member, now: Instant) -> Option<Duration> {
        member.latency(self.since(now)).map(Duration::from_nanos)
    }

    /// Nanoseconds since the backend's first moment; never zero, which means none.
    fn since(&self, now: Instant) -> u64 {
        let nanoseconds = now.saturating_duration_since(self.epoch).as_nanos();
        u64::try_from(nanoseconds).unwrap_or(u64::MAX).saturating_add(1)
    }
}

impl Member {
    /// How many calls it had, how many of them failed, and how often it was left out.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        (self.calls.load(Relaxed), self.failures.load(Relaxed), self.ejections.load(Relaxed))
    }
}

#[cfg(test)]
mod tests;
