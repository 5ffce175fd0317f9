//! The endpoints of a backend: which of them is called next, and what a call's outcome means for the calls after it. It must
//! not know what is called, nor for whom.

mod choose;
mod health;
mod member;
mod members;

use std::borrow::Cow;
use std::collections::HashMap;
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
pub(crate) use self::members::{Change, Present};
use self::members::{Members, Roll};
use crate::verdict::Verdict;

/// How long a caller is told to wait where no endpoint is fit and none says until when.
const SOON: Duration = Duration::from_secs(1);

/// The endpoints of a backend.
pub(crate) struct Pool {
    backend: Arc<str>,
    members: Roll,
    balance: Balance,
    eject: Ejection,
    /// What the members' moments are counted from.
    epoch: Instant,
    /// Whose turn it is to be called, and to be asked: a question that comes with each request would else leave all requests
    /// to the same endpoint.
    turn: AtomicUsize,
    asked: AtomicUsize,
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
    /// The endpoints of a backend; those that `before` has, too, are the same ones. Where they are `found` somewhere, they may
    /// be replaced.
    pub(crate) fn new(
        backend: &Arc<str>,
        (endpoints, found): (impl IntoIterator<Item = (Endpoint, u32)>, bool),
        resilience: &Resilience,
        before: Option<&Self>,
        now: Instant,
    ) -> Self {
        let epoch = before.map_or(now, |before| before.epoch);
        let known = before.map(Self::members);
        let known: &[Arc<Member>] = known.as_ref().map_or(&[], |members| members);
        let members = Members::of(endpoints, known, |member| member.arrive(known, since(epoch, now)));
        if resilience.health.is_none() {
            members.iter().for_each(|member| member.health.unprobed());
        }
        Self {
            backend: Arc::clone(backend),
            members: Roll::new(members, found),
            balance: resilience.balance.clone(),
            eject: resilience.eject,
            epoch,
            turn: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
        }
    }

    /// All of them, fit or not.
    pub(crate) fn members(&self) -> Present<'_> {
        self.members.present()
    }

    /// Their addresses.
    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        self.members().iter().map(|member| member.endpoint.clone()).collect()
    }

    /// The one with that very address.
    pub(crate) fn member(&self, authority: &Arc<str>) -> Option<Arc<Member>> {
        self.members().iter().find(|member| Arc::ptr_eq(&member.endpoint.authority, authority)).map(Arc::clone)
    }

    /// Whether others may be found while requests are served.
    pub(crate) const fn is_found(&self) -> bool {
        matches!(self.members, Roll::Changing(_))
    }

    /// The same endpoints, those that are there by the very values that calls name.
    pub(crate) fn recognised(&self, mut endpoints: Vec<(Endpoint, u32)>) -> Vec<(Endpoint, u32)> {
        let members = self.members();
        let known: HashMap<&Endpoint, &Arc<Member>> = members.iter().map(|member| (&member.endpoint, member)).collect();
        for (endpoint, _) in &mut endpoints {
            if let Some(member) = known.get(endpoint) {
                *endpoint = member.endpoint.clone();
            }
        }
        endpoints
    }

    /// Puts these in place of those there are. Those that stay keep what is known of them; calls to the others go on to their
    /// end. Not for two at a time.
    pub(crate) fn replace(&self, endpoints: impl IntoIterator<Item = (Endpoint, u32)>, now: Instant) -> Change {
        let Roll::Changing(place) = &self.members else { return Change::default() };
        let before = place.load();
        let members = Members::of(endpoints, &before, |member| member.arrive(&before, self.since(now)));
        let change = members.since(&before);
        place.store(Arc::new(members));
        change
    }

    /// The endpoint for the next call.
    pub(crate) fn pick(&self, wish: &Wish<'_>) -> Result<Picked<'_>, NoneFit> {
        let now = self.since(wish.now);
        let chosen = match &self.members {
            Roll::Fixed(members) => self.choose(members, wish, now).map(Cow::Borrowed),
            Roll::Changing(members) => {
                self.choose(&members.load(), wish, now).map(|member| Cow::Owned(Arc::clone(member)))
            }
        };
        chosen.map(|member| Picked::of(member, now)).ok_or(NoneFit { retry_after: SOON })
    }

    fn choose<'a>(&self, members: &'a Members, wish: &Wish<'_>, now: u64) -> Option<&'a Arc<Member>> {
        match &**members {
            [only] if only.health.fitness(now) != Fitness::Down => Some(only),
            _ => Chooser { pool: self, members, wish, now }.choose(),
        }
    }

    /// A call of a sequence, whose endpoint is known.
    pub(crate) fn pick_known(&self, member: Arc<Member>, now: Instant) -> Picked<'static> {
        Picked::of(Cow::Owned(member), self.since(now))
    }

    /// The next endpoint in turn to be asked a question, fit ones first.
    pub(crate) fn in_turn(&self, now: Instant) -> Option<Arc<Member>> {
        let (now, turn, members) = (self.since(now), self.asked.fetch_add(1, Relaxed), self.members());
        let at = |step: usize| members.get(turn.wrapping_add(step).checked_rem(members.len())?);
        let fit = (0..members.len()).filter_map(at).find(|member| member.health.fitness(now) == Fitness::Fit);
        fit.or_else(|| at(0)).map(Arc::clone)
    }

    /// Takes note of an answer that came whole, to a call that was begun then.
    pub(crate) fn ended_well(&self, member: &Member, began: Instant) {
        member.health.ended_well(|| self.since(began));
    }

    /// Takes note of how a call's wait for its answer ended, `took` after it began.
    pub(crate) fn answered(
        &self,
        picked: &mut Picked<'_>,
        verdict: Verdict,
        took: Duration,
        now: Instant,
        why: impl FnOnce() -> String,
    ) {
        let now = self.since(now);
        picked.is_over(verdict, now);
        self.note(picked.member(), verdict, took, now, why);
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
        self.note(member, verdict, took, self.since(now), why);
    }

    fn note(&self, member: &Member, verdict: Verdict, took: Duration, now: u64, why: impl FnOnce() -> String) {
        if verdict == Verdict::Good {
            member.took(took, now);
        }
        if verdict.is_failure() {
            member.failures.fetch_add(1, Relaxed);
            *member.trouble.lock() = Some(why());
        }
        match member.health.called(verdict, &self.eject, now) {
            Follows::Nothing => {}
            Follows::Back => {
                tracing::info!(backend = %self.backend, endpoint = %member.endpoint.authority, "endpoint is back")
            }
            Follows::Eject => self.eject(member, now),
        }
    }

    fn eject(&self, member: &Member, now: u64) {
        let members = self.members();
        let out = members.iter().filter(|other| other.health.is_out(now)).count();
        if out >= self.eject.allowed(members.len()) {
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
        since(self.epoch, now)
    }
}

fn since(epoch: Instant, now: Instant) -> u64 {
    u64::try_from(now.saturating_duration_since(epoch).as_nanos()).unwrap_or(u64::MAX).saturating_add(1)
}

impl Member {
    /// How many calls it had, how many of them failed, and how often it was left out.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        (self.calls.load(Relaxed), self.failures.load(Relaxed), self.ejections.load(Relaxed))
    }

    /// Begins beside `others`, where there are any: as one that has come back, since it may have to warm up.
    fn arrive(&self, others: &[Arc<Self>], now: u64) {
        if !others.is_empty() {
            self.health.begin(now);
        }
    }
}

#[cfg(test)]
mod tests;
