//! Counters in this process's memory: exact, and its own. Several replicas together let through as much as each of them does.
//!
//! A quota is kept as a generic cell rate: one number an entry, in whole ticks, so that nothing is rounded and nothing
//! drifts. Clients choose what subjects there are, by their addresses for one; so a limit has a bounded number of entries. One
//! that is full again and holds no place is as good as none, and makes room. Where all of them are in use, new subjects share
//! one entry more: a flood of addresses takes no memory, takes nothing from those that have an entry, and is held to what one
//! address may do.

mod entry;
mod pace;
mod table;

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{MappedMutexGuard, Mutex};
use sluicegate_core::limits::{Claim, Counters, Limit, Limiter, Passed, Refused, Standing, Verdict};
use smallvec::SmallVec;

use self::entry::Entry;
use self::pace::Pace;
use self::table::Table;

/// Subjects of one limit that have an entry each.
pub const ENTRIES: usize = 65_536;

/// The engine.
#[derive(Debug)]
pub struct Memory {
    epoch: Instant,
    entries: usize,
    known: Mutex<Known>,
}

/// The tables that somebody has, by what they count.
#[derive(Debug, Default)]
struct Known {
    tables: HashMap<Arc<str>, Weak<Table>>,
    made: u64,
}

/// The counters of a generation.
#[derive(Debug)]
struct Generation {
    epoch: Instant,
    counters: Box<[Counter]>,
}

/// A limit and what was counted for it.
#[derive(Debug)]
struct Counter {
    table: Arc<Table>,
    pace: Option<Pace>,
    concurrency: Option<NonZeroU64>,
}

/// A claim, and the entry that it is on: nobody else can change that meanwhile.
struct Held<'a> {
    limit: usize,
    cost: u64,
    tell: bool,
    counter: &'a Counter,
    /// How many places there are, if one is claimed.
    places: Option<NonZeroU64>,
    entry: MappedMutexGuard<'a, Entry>,
}

impl Memory {
    /// An engine with no counters yet, for times from `epoch` on; `entries` is how many subjects of a limit have one each.
    #[must_use]
    pub fn new(epoch: Instant, entries: usize) -> Self {
        Self { epoch, entries, known: Mutex::default() }
    }
}

impl Limiter for Memory {
    fn counters(&self, limits: &[Limit]) -> Arc<dyn Counters> {
        let mut known = self.known.lock();
        known.tables.retain(|_, table| table.strong_count() > 0);
        let counter = |limit: &Limit| Counter {
            table: known.table(&limit.fingerprint, self.entries),
            pace: limit.requests.map(Pace::new),
            concurrency: limit.concurrency,
        };
        Arc::new(Generation { epoch: self.epoch, counters: limits.iter().map(counter).collect() })
    }
}

impl Known {
    fn table(&mut self, fingerprint: &Arc<str>, entries: usize) -> Arc<Table> {
        if let Some(table) = self.tables.get(fingerprint).and_then(Weak::upgrade) {
            return table;
        }
        self.made += 1;
        let table = Arc::new(Table::new(self.made, entries));
        self.tables.insert(Arc::clone(fingerprint), Arc::downgrade(&table));
        table
    }
}

impl Counters for Generation {
    fn take(&self, claims: &[Claim<'_>], now: Instant) -> Verdict {
        let now = u64::try_from(now.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX);
        let mut held = self.hold(claims, now);
        match refusal(&held, now) {
            Some(refused) => Verdict::Refused(refused),
            None => Verdict::Passed(pass(&mut held, now)),
        }
    }
}

impl Generation {
    /// The claims with their entries, locked in the one order that holds for all generations.
    fn hold<'a>(&'a self, claims: &[Claim<'_>], now: u64) -> SmallVec<[Held<'a>; 4]> {
        let counted = claims.iter().filter_map(|claim| Some((self.counters.get(claim.limit)?, claim)));
        let mut ordered: SmallVec<[_; 8]> = counted.collect();
        ordered.sort_unstable_by_key(|(counter, _)| counter.table.id());
        ordered.dedup_by_key(|(counter, _)| counter.table.id());
        let hold = |(counter, claim): (&'a Counter, &Claim<'_>)| {
            let mut entry = counter.table.entry(&claim.subject, now);
            if let Some(pace) = &counter.pace {
                entry.adopt(pace, now);
            }
            let places = counter.concurrency.filter(|_| claim.place);
            Held { limit: claim.limit, cost: claim.cost, tell: claim.tell, counter, places, entry }
        };
        ordered.into_iter().map(hold).collect()
    }
}

/// Which of the claims cannot be had, if one cannot.
fn refusal(held: &[Held<'_>], now: u64) -> Option<Refused> {
    let refused = held.iter().filter_map(|held| {
        let Held { limit, cost, counter, places, entry, .. } = held;
        let wait = match &counter.pace {
            Some(pace) => entry.wait(pace, *cost, now),
            None => Some(Duration::ZERO),
        };
        let full = places.is_some_and(|most| entry.held() >= most.get());
        (full || wait != Some(Duration::ZERO)).then(|| {
            let standing = counter.pace.as_ref().map(|pace| standing(*limit, entry, pace, now));
            Refused { limit: *limit, wait: wait.filter(|wait| !wait.is_zero()), standing }
        })
    });
    refused.max_by_key(|refused| refused.wait)
}

/// Takes all of them.
fn pass(held: &mut [Held<'_>], now: u64) -> Passed {
    let mut passed = Passed::default();
    for Held { limit, cost, tell, counter, places, entry } in held {
        if let Some(pace) = &counter.pace {
            entry.take(pace, *cost, now);
            if *tell {
                let standing = standing(*limit, entry, pace, now);
                let tighter = passed.tightest.is_none_or(|tightest| standing.is_tighter_than(&tightest));
                passed.tightest = if tighter { Some(standing) } else { passed.tightest };
            }
        }
        if places.is_some() {
            passed.places.add(entry.occupy());
        }
    }
    passed
}

fn standing(limit: usize, entry: &Entry, pace: &Pace, now: u64) -> Standing {
    let remaining = entry.remaining(pace, now);
    let more_in = if remaining < pace.burst { entry.wait(pace, remaining + 1, now) } else { None };
    Standing { limit, remaining, more_in: more_in.unwrap_or_default(), whole_in: entry.whole_in(pace, now) }
}

#[cfg(test)]
mod tests;
