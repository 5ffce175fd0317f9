//! Which of several endpoints is called. Those that were tried or are unfit come into question only where no other does.

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use sluicegate_config::Balance;

use super::{Fitness, Member, Members, Pool, Wish};

/// Draws of two by chance before all endpoints are looked at.
const DRAWS: u32 = 4;

/// One choice.
pub(super) struct Chooser<'a, 'c> {
    pub(super) pool: &'c Pool,
    pub(super) members: &'a Members,
    pub(super) wish: &'c Wish<'c>,
    pub(super) now: u64,
}

/// Which endpoints come into question, from the best to the last resort.
#[derive(Clone, Copy)]
enum Circle {
    /// Fit, answering, with room, and not tried yet; one on trial, if nothing is under way there.
    Good,
    /// The same, tried or not.
    Again,
    /// Also those that asked for rest, hang, or have no room.
    Resting,
    /// Also those left out for failing.
    Failing,
    /// All.
    All,
}

impl<'a> Chooser<'a, '_> {
    pub(super) fn choose(&self) -> Option<&'a Arc<Member>> {
        let members = self.members;
        if self.is_panic() {
            return self.among(Circle::All);
        }
        if self.pool.balance == Balance::TwoChoices && members.len() > 2 {
            // Nearly always two that are drawn are fit: then the others need not be looked at.
            for _ in 0..DRAWS {
                let (one, other) = self.draw()?;
                match (self.fits(one, Circle::Good), self.fits(other, Circle::Good)) {
                    (true, true) => return Some(self.better(one, other)),
                    (true, false) => return Some(one),
                    (false, true) => return Some(other),
                    (false, false) => {}
                }
            }
        }
        let circles = [Circle::Good, Circle::Again, Circle::Resting, Circle::Failing];
        circles.into_iter().find_map(|circle| self.among(circle))
    }

    /// Whether so few endpoints are fit that all are used.
    fn is_panic(&self) -> bool {
        let panic = self.pool.eject.panic;
        if panic.thousandths() == 0 {
            return false;
        }
        let members = self.members;
        let fit = members.iter().filter(|member| self.fits(member, Circle::Again)).count();
        fit < panic.of(members.len()).max(1)
    }

    fn among(&self, circle: Circle) -> Option<&'a Arc<Member>> {
        let fit = || self.members.iter().filter(move |member| self.fits(member, circle));
        match (&self.pool.balance, self.wish.key) {
            (Balance::TwoChoices, _) => {
                let count = fit().count();
                let one = self.roll(count)?;
                let (first, mut second) = (fit().nth(one)?, one);
                if count > 1 {
                    second = (one + 1 + self.roll(count - 1)?) % count;
                }
                Some(self.better(first, fit().nth(second)?))
            }
            (Balance::LeastRequest, _) | (Balance::Hash(_), None) => {
                // Of equals not always the first.
                let start = self.roll(self.members.len())?;
                let turned = || self.members.iter().cycle().skip(start).take(self.members.len());
                let cost = |member: &Member| (member.in_flight() as f64 + 1.0) / self.part(member);
                let fit = turned().filter(|member| self.fits(member, circle));
                fit.min_by(|left, right| cost(left).total_cmp(&cost(right)))
            }
            (Balance::RoundRobin, _) => self.by_weight(fit()),
            (Balance::Hash(_), Some(key)) => self.by_key(key, fit()),
        }
    }

    fn fits(&self, member: &Arc<Member>, circle: Circle) -> bool {
        let fitness = member.health.fitness(self.now);
        // A call that shows whether it is back is one at a time.
        let usable = fitness == Fitness::Fit || (fitness == Fitness::Trial && member.in_flight() == 0);
        match circle {
            Circle::Good => {
                usable
                    && self.has_room(member)
                    && !member.is_stuck(self.now)
                    && !self.wish.tried.iter().any(|tried| Arc::ptr_eq(tried, member))
            }
            Circle::Again => usable && self.has_room(member) && !member.is_stuck(self.now),
            Circle::Resting => usable || fitness == Fitness::Resting,
            Circle::Failing => fitness != Fitness::Down,
            Circle::All => true,
        }
    }

    /// Whether its part of what the backend may have under way is not used up: one that hangs must not keep all of it from
    /// the others.
    fn has_room(&self, member: &Member) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "a bound need not be exact")]
        let part = self.wish.limit as f64 * member.weight() / f64::from(self.members.weights.max(1));
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let awaited = member.awaited() as f64;
        awaited < part * 1.25 + 1.0
    }

    /// The one with less to do, by how long it takes where that makes a difference: a little faster is no reason to leave the
    /// other idle. Of two alike either.
    fn better(&self, one: &'a Arc<Member>, other: &'a Arc<Member>) -> &'a Arc<Member> {
        #[expect(clippy::cast_precision_loss, reason = "costs are compared, not added up")]
        let load = |member: &Member| (member.in_flight() as f64 + 1.0) / self.part(member);
        let (mut cost, mut other_cost) = (load(one), load(other));
        if let (Some(latency), Some(other_latency)) = (one.latency(self.now), other.latency(self.now))
            && latency.max(other_latency) / 3 > latency.min(other_latency) / 2
        {
            #[expect(clippy::cast_precision_loss, reason = "costs are compared, not added up")]
            {
                cost *= latency as f64;
                other_cost *= other_latency as f64;
            }
        }
        let first_is_better = match cost.total_cmp(&other_cost) {
            Ordering::Less => true,
            Ordering::Equal => self.unit() < 0.5,
            Ordering::Greater => false,
        };
        if first_is_better { one } else { other }
    }

    /// Of the requests, what an endpoint should have beside one of weight 1.
    fn part(&self, member: &Member) -> f64 {
        member.weight() * member.health.ramp(self.pool.eject.slow_start, self.now)
    }

    /// In turn, each as often as its weight says.
    fn by_weight(&self, fit: impl Iterator<Item = &'a Arc<Member>> + Clone) -> Option<&'a Arc<Member>> {
        use std::sync::atomic::Ordering::Relaxed;
        let weight = |member: &&Arc<Member>| u64::from(member.weight.load(Relaxed));
        let total = fit.clone().map(|member| weight(&member)).sum::<u64>();
        let turn = u64::try_from(self.pool.turn.fetch_add(1, Relaxed)).unwrap_or(0);
        // Steps of about the golden ratio: an endpoint of great weight does not have its turns all at once.
        let step = coprime(total);
        let mut place = turn.checked_rem(total)?.saturating_mul(step) % total;
        let chosen = fit.clone().find(|member| {
            let weight = weight(member);
            let here = place < weight;
            place = place.saturating_sub(weight);
            here
        })?;
        // One that has just come back lets most of its turns pass.
        let ramp = chosen.health.ramp(self.pool.eject.slow_start, self.now);
        let passes = ramp < 1.0 && self.unit() >= ramp;
        if passes { fit.into_iter().find(|member| !Arc::ptr_eq(member, chosen)).or(Some(chosen)) } else { Some(chosen) }
    }

    /// The same endpoint for the same key, as long as it has at most a quarter more to do than its part. When endpoints
    /// come or go, only the keys of those go elsewhere (rendezvous hashing).
    fn by_key(&self, key: u64, fit: impl Iterator<Item = &'a Arc<Member>> + Clone) -> Option<&'a Arc<Member>> {
        let weights: f64 = fit.clone().map(|member| member.weight()).sum();
        let load: usize = fit.clone().map(|member| member.in_flight()).sum();
        #[expect(clippy::cast_precision_loss, reason = "loads are far below 2^52")]
        let bound = |member: &Member| ((load as f64 + 1.0) * member.weight() / weights * 1.25).ceil();
        #[expect(clippy::cast_precision_loss, reason = "loads are far below 2^52")]
        let room = |member: &&Arc<Member>| (member.in_flight() as f64) < bound(member);
        let score = |member: &Arc<Member>| {
            let mut hasher = DefaultHasher::new();
            (key, &member.endpoint.authority, &member.endpoint.prefix).hash(&mut hasher);
            member.weight() / -unit(hasher.finish()).ln()
        };
        fit.filter(room).max_by(|left, right| score(left).total_cmp(&score(right)))
    }

    /// Two different endpoints.
    fn draw(&self) -> Option<(&'a Arc<Member>, &'a Arc<Member>)> {
        let members = self.members;
        let one = self.roll(members.len())?;
        let other = (one + 1 + self.roll(members.len() - 1)?) % members.len();
        Some((members.get(one)?, members.get(other)?))
    }

    /// A number below `count`; `None` if there is none.
    fn roll(&self, count: usize) -> Option<usize> {
        let count = u64::try_from(count).ok().filter(|count| *count > 0)?;
        usize::try_from((u128::from(self.wish.dice.roll()) * u128::from(count)) >> 64).ok()
    }

    fn unit(&self) -> f64 {
        unit(self.wish.dice.roll())
    }
}

/// Evenly spread bits as a number above 0 and below 1.
fn unit(bits: u64) -> f64 {
    const SCALE: f64 = 1.0 / (1_u64 << 52) as f64;
    #[expect(clippy::cast_precision_loss, reason = "52 bits fit")]
    let number = (bits >> 12) as f64;
    (number + 0.5) * SCALE
}

/// A number near 0.618 of `total` that has no divisor with it.
fn coprime(total: u64) -> u64 {
    let has_divisor = |mut one: u64, mut other: u64| {
        while let Some(rest) = one.checked_rem(other) {
            (one, other) = (other, rest);
        }
        one != 1
    };
    let near = total.saturating_mul(618) / 1000;
    (near.max(1)..=total.max(1)).find(|step| !has_divisor(total, *step)).unwrap_or(1)
}
