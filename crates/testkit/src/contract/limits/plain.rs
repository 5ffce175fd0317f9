//! An engine of the plainest kind: a bucket for each subject behind one lock. What other rooms test against, where they need
//! limits that are exact; and the one that is told to break the contract, part by part, to see that this is found.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sluicegate_core::limits::{Claim, Counters, Limit, Limiter, Occupied, Passed, Place, Refused, Verdict};

use super::bucket::Bucket;

/// One way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    None,
    TakesFromSome,
    LooksTwice,
    RoundsTime,
    SharesSubjects,
    KeepsPlaces,
    ForgetsBetweenGenerations,
    ForgetsAtAChange,
    NamesTheFirst,
}

#[derive(Clone, Default)]
struct Counter {
    bucket: Option<Bucket>,
    places: Arc<Taken>,
}

#[derive(Default)]
struct Taken(AtomicU64, bool);

type Counted = Mutex<HashMap<(Arc<str>, Vec<u8>), Counter>>;

/// The engine.
pub struct Plain {
    fault: Fault,
    epoch: Instant,
    counted: Mutex<Weak<Counted>>,
}

struct Generation {
    fault: Fault,
    epoch: Instant,
    limits: Vec<Limit>,
    counted: Arc<Counted>,
}

impl Plain {
    /// One that has counted nothing yet, for times from `epoch` on.
    #[must_use]
    pub fn new(epoch: Instant) -> Self {
        Self::with(Fault::None, epoch)
    }

    pub(super) fn with(fault: Fault, epoch: Instant) -> Self {
        Self { fault, epoch, counted: Mutex::default() }
    }
}

impl Limiter for Plain {
    fn counters(&self, limits: &[Limit]) -> Arc<dyn Counters> {
        let mut kept = self.counted.lock();
        let counted = kept.upgrade().filter(|_| self.fault != Fault::ForgetsBetweenGenerations).unwrap_or_default();
        *kept = Arc::downgrade(&counted);
        Arc::new(Generation { fault: self.fault, epoch: self.epoch, limits: limits.to_vec(), counted })
    }
}

impl Generation {
    fn key(&self, claim: &Claim<'_>) -> (Arc<str>, Vec<u8>) {
        let mut key = Vec::new();
        if self.fault != Fault::SharesSubjects {
            claim.subject.spell(|piece| key.extend_from_slice(piece));
        }
        (Arc::clone(&self.limits[claim.limit].fingerprint), key)
    }

    fn judge(&self, claim: &Claim<'_>, counter: &mut Counter, now: Duration) -> Result<(), Refused> {
        let limit = &self.limits[claim.limit];
        let (mut wait, mut standing) = (Some(Duration::ZERO), None);
        if let Some(quota) = limit.requests {
            let changes = counter.bucket.as_ref().is_some_and(|bucket| bucket.changes_to(quota));
            if changes && self.fault == Fault::ForgetsAtAChange {
                counter.bucket = None;
            }
            let bucket = counter.bucket.get_or_insert_with(|| Bucket::new(quota));
            bucket.fill(now);
            bucket.change(quota);
            wait = if bucket.has(claim.cost) { wait } else { bucket.wait(claim.cost) };
            standing = Some(bucket.standing(claim.limit));
        }
        let full = limit.concurrency.is_some_and(|most| claim.place && counter.places.0.load(SeqCst) >= most.get());
        if full || wait != Some(Duration::ZERO) {
            return Err(Refused { limit: claim.limit, wait: wait.filter(|wait| !wait.is_zero()), standing });
        }
        Ok(())
    }

    fn take_one(&self, claim: &Claim<'_>, counter: &mut Counter, passed: &mut Passed) {
        if let Some(bucket) = &mut counter.bucket {
            bucket.take(claim.cost);
            let standing = bucket.standing(claim.limit);
            if claim.tell && passed.tightest.is_none_or(|tightest| standing.is_tighter_than(&tightest)) {
                passed.tightest = Some(standing);
            }
        }
        if claim.place && self.limits[claim.limit].concurrency.is_some() {
            counter.places.0.fetch_add(1, SeqCst);
            passed.places.add(Place::taken(Arc::clone(&counter.places) as Arc<dyn Occupied>));
        }
    }
}

impl Counters for Generation {
    fn take(&self, claims: &[Claim<'_>], now: Instant) -> Verdict {
        let mut now = now - self.epoch;
        if self.fault == Fault::RoundsTime {
            now -= Duration::from_nanos(u64::from(now.subsec_nanos() % 1_000_000));
        }
        let mut counted = self.counted.lock();
        let mut refused: Vec<Refused> = Vec::new();
        let mut passed = Passed::default();
        for claim in claims {
            let fresh = || Counter {
                places: Arc::new(Taken(AtomicU64::new(0), self.fault == Fault::KeepsPlaces)),
                bucket: None,
            };
            let counter = counted.entry(self.key(claim)).or_insert_with(fresh);
            match self.judge(claim, counter, now) {
                Err(no) => refused.push(no),
                Ok(()) if self.fault == Fault::TakesFromSome => self.take_one(claim, counter, &mut passed),
                Ok(()) => {}
            }
        }
        if self.fault == Fault::NamesTheFirst {
            refused.truncate(1);
        }
        if let Some(refused) = refused.into_iter().max_by_key(|refused| refused.wait) {
            return Verdict::Refused(refused);
        }
        if self.fault == Fault::LooksTwice {
            drop(counted);
            (0..50).for_each(|_| std::thread::yield_now());
            counted = self.counted.lock();
        }
        if self.fault != Fault::TakesFromSome {
            for claim in claims {
                if let Some(counter) = counted.get_mut(&self.key(claim)) {
                    self.take_one(claim, counter, &mut passed);
                }
            }
        }
        Verdict::Passed(passed)
    }
}

impl Occupied for Taken {
    fn leave(&self) {
        if !self.1 {
            self.0.fetch_sub(1, SeqCst);
        }
    }
}
