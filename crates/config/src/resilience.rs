//! How the gateway behaves towards a backend whose endpoints, answers or load misbehave: what `backends.NAME` says of it,
//! resolved. Plain data; what is done with it is the request path's.

use std::sync::Arc;
use std::time::Duration;

use sluicegate_core::Share;

/// All of it, for one backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resilience {
    /// How an endpoint is chosen.
    pub balance: Balance,
    /// How endpoints are asked how they do; `None`: not at all.
    pub health: Option<Probing>,
    /// When an endpoint that fails is left out.
    pub eject: Ejection,
    /// How long the parts of a call may take.
    pub timeouts: Timeouts,
    /// When a failed call is tried again.
    pub retry: Retry,
    /// When a slow call is made a second time; `None`: never.
    pub hedge: Option<Hedge>,
    /// How many calls are under way at once.
    pub concurrency: Concurrency,
}

/// How an endpoint is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Balance {
    /// Of two by chance, the one with fewer calls under way and the shorter answers.
    TwoChoices,
    /// The one with the fewest calls under way.
    LeastRequest,
    /// In turn, by weight.
    RoundRobin,
    /// The same one for the same value of a header, unless it has far more to do than the others.
    Hash(Arc<str>),
}

/// How endpoints are asked how they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probing {
    /// Between two questions to an endpoint.
    pub interval: Duration,
    /// For an answer.
    pub timeout: Duration,
    /// Bad answers in a row after which an endpoint counts as down.
    pub failures: u32,
    /// Good ones after which it counts as up.
    pub successes: u32,
}

/// When an endpoint that fails is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ejection {
    /// Failures in a row; zero: never.
    pub failures: u32,
    /// For how long the first time; longer each time it fails again soon.
    pub time: Duration,
    /// Of all endpoints, how many may be left out at once for failing.
    pub most: Share,
    /// Where fewer endpoints than this are fit, all are used: then it is not they that fail, or there is nothing to lose.
    pub panic: Share,
    /// How long an endpoint that comes back gets less than its part.
    pub slow_start: Duration,
}

/// How long the parts of a call may take, beside the model's own time. `None`: as long as that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the answer's head is there, each try by itself.
    pub first_byte: Option<Duration>,
    /// Between two pieces of an answer.
    pub idle: Option<Duration>,
    /// All tries together, to the answer's last byte.
    pub total: Option<Duration>,
}

/// When a failed call is tried again, on another endpoint where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Tries in all.
    pub attempts: u32,
    /// Further tries to first ones, beside a few a second that are always allowed.
    pub budget: Share,
    /// Where not a byte of the request had left.
    pub on_connect: bool,
    /// Where the endpoint said that it has no room.
    pub on_unavailable: bool,
    /// Where the call broke off before an answer came: the request may have been worked on.
    pub on_reset: bool,
}

/// When a slow call is made a second time, at another endpoint; the first answer is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hedge {
    /// After the time within which this part of the calls has its answer.
    pub percentile: Share,
    /// ... but not before.
    pub after: Duration,
    /// Second calls to first ones.
    pub budget: Share,
}

/// Whose call goes first where there is not room for all. The order is that in which they are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Before all others.
    Critical,
    /// As most are.
    #[default]
    Normal,
    /// When the others have had their turn.
    Sheddable,
}

/// How many calls are under way at once, and how many wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concurrency {
    /// Under way at once; `None`: as many as the backend's answers show to be good.
    pub limit: Option<usize>,
    /// Waiting at once.
    pub queue: usize,
    /// Longest wait that is expected of a call; `None`: five times as long as calls take, and at most half the request's own
    /// time.
    pub wait: Option<Duration>,
}
