//! The port behind which use is counted against limits. A *limit* is of the configuration, a *subject* is whose counter it
//! is. Limits are taken together: from all or from none. It must not know which limit applies to a request, whether it is
//! enforced, nor what the caller is told.

mod quota;
mod subject;

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::quota::{MAX_BURST, Quota, Rate, Window};
pub use self::subject::{Part, Subject};

/// A limit, as a generation has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Its name for people.
    pub name: Arc<str>,
    /// What it counts, in words of its own: limits of an equal fingerprint have the same counters, from one generation to the
    /// next, however much they allow. No two of a generation have the same.
    pub fingerprint: Arc<str>,
    /// How many requests a subject may make.
    pub requests: Option<Quota>,
    /// How many a subject may have under way at once.
    pub concurrency: Option<NonZeroU64>,
}

/// What a request would take from one limit.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The limit, by its place among those the counters were made for.
    pub limit: usize,
    /// Whose counter of it.
    pub subject: Subject<'a>,
    /// How much of its quota.
    pub cost: u64,
    /// Whether one of its places, too, where the limit is on those.
    pub place: bool,
    /// Whether somebody wants to know where its quota stands when all was taken.
    pub tell: bool,
}

/// Makes counters: one for the life of the process.
pub trait Limiter: Send + Sync + 'static {
    /// The counters of a generation with these limits. What was counted for a limit of an equal fingerprint stays counted, at
    /// least as long as somebody has the counters of a generation with it.
    fn counters(&self, limits: &[Limit]) -> Arc<dyn Counters>;
}

/// The counters of a generation. Asked on the request path: answers from memory, without waiting.
pub trait Counters: Send + Sync + 'static {
    /// Takes what is claimed from all of these limits; from none of them if one has not as much left. A limit that is claimed
    /// twice is claimed once.
    fn take(&self, claims: &[Claim<'_>], now: Instant) -> Verdict;
}

/// What came of claims.
#[derive(Debug)]
pub enum Verdict {
    /// All was taken.
    Passed(Passed),
    /// Nothing was.
    Refused(Refused),
}

/// What was taken.
#[derive(Debug, Default)]
pub struct Passed {
    /// Where the quota stands of which the least is left, of those that somebody wants to know of.
    pub tightest: Option<Standing>,
    /// The places that were taken, to be held as long as what was admitted goes on.
    pub places: Places,
}

/// Why nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The limit that has not enough left; of several the one that takes longest.
    pub limit: usize,
    /// How long until the same claim would pass, if nothing else is taken meanwhile; `None` where that is not known: a place is
    /// free when somebody is done, and more than all of a quota never is.
    pub wait: Option<Duration>,
    /// Where its quota stands, if it has one.
    pub standing: Option<Standing>,
}

/// Where a subject's quota stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The limit.
    pub limit: usize,
    /// How much could be taken at once.
    pub remaining: u64,
    /// How long until it is one more, if nothing is taken; zero where it is all there ever is.
    pub more_in: Duration,
    /// How long until all of it is there again, if nothing is taken.
    pub whole_in: Duration,
}

/// Places among those that may be under way at once. Given back when dropped.
#[derive(Debug, Default)]
pub struct Places {
    // More than these are rare; without them nothing is allocated.
    first: [Option<Place>; 2],
    more: Vec<Place>,
}

/// One place. Given back when dropped.
pub struct Place(Arc<dyn Occupied>);

/// What a place is one of.
pub trait Occupied: Send + Sync + 'static {
    /// One of the places is free again.
    fn leave(&self);
}

impl Verdict {
    /// What was taken, if it was.
    #[must_use]
    pub fn passed(self) -> Option<Passed> {
        match self {
            Self::Passed(passed) => Some(passed),
            Self::Refused(_) => None,
        }
    }
}

impl Standing {
    /// Whether there is less left than of `other`; of equals, whether it takes longer to be whole.
    #[must_use]
    pub fn is_tighter_than(&self, other: &Self) -> bool {
        (self.remaining, other.whole_in) < (other.remaining, self.whole_in)
    }
}

impl Places {
    /// With one more.
    pub fn add(&mut self, place: Place) {
        match self.first.iter_mut().find(|first| first.is_none()) {
            Some(free) => *free = Some(place),
            None => self.more.push(place),
        }
    }

    /// With all of `others`.
    pub fn join(&mut self, others: Self) {
        others.first.into_iter().flatten().chain(others.more).for_each(|place| self.add(place));
    }

    /// Whether there is none, so that nothing need be held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first.iter().all(Option::is_none)
    }
}

impl Place {
    /// A place that was taken.
    #[must_use]
    pub fn taken(of: Arc<dyn Occupied>) -> Self {
        Self(of)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Place")
    }
}
