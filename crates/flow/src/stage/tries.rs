//! Puts a call to the backend's endpoints: waits for a turn, picks one, and where that fails and it may be, picks another.
//! Whatever way it ends, or is dropped, the turn and the endpoint are given back.

mod again;
mod hedged;

use std::sync::Arc;
use std::time::{Duration, Instant as StdInstant};

use sluicegate_config::Priority;
use sluicegate_core::{BoxFuture, Call, CallClass, CallError, Deadline, Endpoint, Fields, Sent, Upstream};
use tokio::time::{Instant, sleep, timeout_at};

pub(super) use self::again::{Again, Kept};
use crate::affinity::Place;
use crate::balance::{Member, Picked, Wish};
use crate::control::Gateway;
use crate::held::{Hold, Holding};
use crate::slots::{NoTurn, Slot};
use crate::snapshot::{Backend, Unfit, Version};
use crate::verdict::{Answer, Verdict};

/// So late after its time a call was not the endpoint's fault alone: the gateway itself was held up.
const HELD_UP: Duration = Duration::from_millis(50);

/// Longest pause before an endpoint that was tried is tried once more.
const PAUSE: Duration = Duration::from_millis(50);

/// When a client may come back that was refused for want of a turn.
const SOON: Duration = Duration::from_secs(1);

/// How an upstream is asked for an answer.
pub(super) type Run<T> = for<'x> fn(&'x dyn Upstream, &'x Endpoint, Call) -> BoxFuture<'x, Result<T, CallError>>;

/// A call to be put.
pub(super) struct Ask<'a, T> {
    pub(super) gateway: &'a Gateway,
    pub(super) version: &'a Version,
    /// Where a request of a sequence has to go.
    pub(super) place: Option<&'a Place>,
    /// What stays on one endpoint, where the balance goes by a value.
    pub(super) key: Option<u64>,
    pub(super) priority: Priority,
    pub(super) began: StdInstant,
    /// When the answer's head must be there.
    pub(super) head: Deadline,
    /// Whether the caller gave less time than the model has: what comes too late for it says nothing of the endpoint.
    pub(super) hurried: bool,
    /// Whether the upstream's own alarm for the whole call is for its head as well.
    pub(super) ends_by_itself: bool,
    pub(super) run: Run<T>,
}

/// Whoever keeps what is known of the request.
pub(super) trait Notes {
    /// An endpoint was picked, and is asked.
    fn picked(&mut self, endpoint: &Arc<str>);

    /// It was not the last one asked that answered.
    fn answered_by(&mut self, endpoint: &Arc<str>);

    /// Ids and trace context for one more try.
    fn headers(&self) -> Fields;
}

/// What came of one try.
struct Tried<'a, T> {
    outcome: Result<T, CallError>,
    verdict: Verdict,
    picked: Picked<'a>,
    began: StdInstant,
    /// When it was over.
    now: StdInstant,
}

/// Puts `call`, and where it may be, puts it again. What came of it, and when.
pub(super) fn put<'a, T: Answer + Holding>(
    ask: &'a Ask<'_, T>,
    call: Call,
    again: Option<&'a Again<'_>>,
    notes: &'a mut impl Notes,
) -> impl Future<Output = (Result<T, CallError>, StdInstant)> + 'a {
    let backend = &ask.version.backend;
    async move {
        let (slot, picked) = match ask.enter(again.is_some()).await {
            Ok(entered) => entered,
            Err(error) => return (Err(error), ask.gateway.clock.now()),
        };
        notes.picked(&picked.endpoint().authority);
        let tried = match again {
            Some(again) if backend.resilience.hedge.is_some() && ask.place.is_none() => {
                Box::pin(hedged::put(ask, (picked, call), again, notes)).await
            }
            Some(_) | None => ask.once(picked, call, ask.began).await,
        };
        match again.filter(|_| tried.verdict.may_be_tried_again(&backend.resilience.retry)) {
            Some(again) => Box::pin(ask.again(tried, again, slot, notes)).await,
            None => ask.settle(tried, slot),
        }
    }
}

impl<'a, T: Answer + Holding> Ask<'a, T> {
    /// Waits for a turn and picks an endpoint.
    async fn enter(&self, may_come_again: bool) -> Result<(Slot<'a>, Picked<'a>), CallError> {
        let backend: &'a Backend = &self.version.backend;
        let (slot, now) = match backend.slots.enter_at_once() {
            Some(slot) => (slot, self.began),
            None => {
                let turn = backend.slots.enter(self.priority, self.began, self.head.0).await;
                (turn.map_err(no_turn)?, self.gateway.clock.now())
            }
        };
        if may_come_again {
            backend.budgets.retries.deposit();
        }
        Ok((slot, self.pick(&[], now)?))
    }

    fn pick(&self, tried: &[Arc<Member>], now: StdInstant) -> Result<Picked<'a>, CallError> {
        let (gateway, limit) = (self.gateway, self.version.backend.slots.limit());
        let wish = Wish { now, dice: &*gateway.dice, key: self.key, limit, tried };
        let backend = &self.version.backend;
        backend.pick(self.place, &wish).map_err(|why| unfit(why, || backend.feeds.trouble()))
    }

    /// One try, and what it says of the endpoint.
    fn once(&self, picked: Picked<'a>, call: Call, began: StdInstant) -> impl Future<Output = Tried<'a, T>> {
        let backend = &self.version.backend;
        let own = backend.resilience.timeouts.first_byte.map(|time| began + time);
        let due = own.map_or(self.head.0, |own| own.min(self.head.0));
        // One alarm is enough.
        let ends_by_itself = own.is_none() && self.ends_by_itself && backend.upstream.keeps_deadlines();
        async move {
            let running = (self.run)(&*backend.upstream, picked.endpoint(), call);
            let outcome = match ends_by_itself {
                true => running.await,
                false => timeout_at(Instant::from_std(due), running).await.unwrap_or_else(|_| Err(late())),
            };
            self.judge(outcome, picked, began, due)
        }
    }

    /// What the outcome of a try says of its endpoint.
    fn judge(
        &self,
        outcome: Result<T, CallError>,
        mut picked: Picked<'a>,
        began: StdInstant,
        due: StdInstant,
    ) -> Tried<'a, T> {
        let backend = &self.version.backend;
        let now = self.gateway.clock.now();
        let took = now.saturating_duration_since(began);
        let verdict = match Verdict::of(&outcome) {
            Verdict::Timeout(_) if now > due + HELD_UP || (self.hurried && due == self.head.0) => Verdict::Unknown,
            verdict => verdict,
        };
        let why = || {
            outcome.as_ref().err().map_or_else(|| "it answered with an error".to_owned(), |error| error.cause.clone())
        };
        backend.pool.answered(&mut picked, verdict, took, now, why);
        let least = match verdict {
            Verdict::Good => self.version.pace.took(took, now),
            _ => Duration::ZERO,
        };
        backend.slots.judge(verdict, took, least, now);
        if outcome.is_err() && verdict == Verdict::Client {
            backend.pool.ended_well(picked.member(), began);
        }
        Tried { outcome, verdict, picked, began, now }
    }

    /// Tries elsewhere until an answer comes, the tries or the budget are used up, or the time is over.
    async fn again(
        &self,
        mut tried: Tried<'a, T>,
        again: &Again<'_>,
        slot: Slot<'a>,
        notes: &mut impl Notes,
    ) -> (Result<T, CallError>, StdInstant) {
        let backend = &self.version.backend;
        let retry = &backend.resilience.retry;
        let mut members = vec![Arc::clone(tried.picked.member())];
        for _ in 1..retry.attempts {
            let now = self.gateway.clock.now();
            if now >= self.head.0 || !tried.verdict.may_be_tried_again(retry) {
                break;
            }
            let Some(call) = again.call(notes.headers()).filter(|_| backend.budgets.retries.withdraw(now)) else {
                break;
            };
            let Ok(picked) = self.pick(&members, now) else { break };
            if members.iter().any(|member| Arc::ptr_eq(member, picked.member())) {
                // It would say the same.
                if tried.verdict == Verdict::NotHere {
                    break;
                }
                sleep(self.pause(now)).await;
            }
            notes.picked(&picked.endpoint().authority);
            members.push(Arc::clone(picked.member()));
            tried = self.once(picked, call, self.gateway.clock.now()).await;
        }
        self.settle(tried, slot)
    }

    /// A moment of some length by chance, so that not all who failed come back together.
    fn pause(&self, now: StdInstant) -> Duration {
        let part = (self.gateway.dice.roll() >> 48) as u32;
        (PAUSE / 2 + PAUSE.saturating_mul(part) / (1 << 17)).min(self.head.left(now))
    }

    /// The answer holds what its call holds, as long as it is on its way.
    fn settle(&self, tried: Tried<'a, T>, slot: Slot<'a>) -> (Result<T, CallError>, StdInstant) {
        let Tried { outcome, verdict, picked, began, now } = tried;
        let backend = &self.version.backend;
        let well = matches!(verdict, Verdict::Good | Verdict::Client);
        if outcome.as_ref().is_ok_and(Holding::is_here) {
            if well {
                backend.pool.ended_well(picked.member(), began);
            }
            return (outcome, now);
        }
        let held = outcome.map(|answer| {
            answer.hold(Hold {
                picked: picked.lasting(),
                _slot: backend.slots.lasts().then(|| slot.lasting()),
                pool: Arc::clone(&backend.pool),
                clock: Arc::clone(&self.gateway.clock),
                idle: backend.resilience.timeouts.idle,
                began,
                well,
            })
        });
        (held, now)
    }
}

fn unfit(unfit: Unfit, trouble: impl FnOnce() -> String) -> CallError {
    match unfit {
        Unfit::NoneFit(none) => {
            let error = CallError::new(CallClass::Transport, Sent::Nothing, "no endpoint of the backend is fit");
            CallError { retry_after: Some(none.retry_after), ..error }
        }
        Unfit::NoneKnown => {
            let error = CallError::new(CallClass::Transport, Sent::Nothing, trouble());
            CallError { retry_after: Some(SOON), ..error.telling("no server of the model is known at the moment") }
        }
        Unfit::Full => CallError::new(CallClass::Pushback, Sent::Nothing, "too many sequences are open"),
    }
}

fn no_turn(why: NoTurn) -> CallError {
    match why {
        NoTurn::Full => {
            let cause = "the backend has as much to do as it can, and no turn would come in time";
            CallError { retry_after: Some(SOON), ..CallError::new(CallClass::Pushback, Sent::Nothing, cause) }
        }
        NoTurn::Late => CallError::new(CallClass::Timeout, Sent::Nothing, "its time was over before it had a turn"),
    }
}

pub(super) fn late() -> CallError {
    CallError::new(CallClass::Timeout, Sent::All, "no answer within the model's timeout")
}
