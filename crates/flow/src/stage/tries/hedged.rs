//! A call that is slow is made a second time, at another endpoint; the first good answer is taken, and the other call is
//! dropped, which cancels it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use sluicegate_core::Call;
use tokio::time::sleep;

use super::{Again, Answer, Ask, Holding, Notes, Picked, Tried, Verdict};

/// Puts `call`, and where no answer is there when most would have been, a second one.
pub(super) async fn put<'a, T: Answer + Holding>(
    ask: &Ask<'a, T>,
    (picked, call): (Picked<'a>, Call),
    again: &Again<'_>,
    notes: &mut impl Notes,
) -> Tried<'a, T> {
    let backend = &ask.version.backend;
    backend.budgets.hedges.deposit();
    let first_member = Arc::clone(picked.member());
    let mut first = pin!(ask.once(picked, call, ask.began));
    let Some(patience) = patience(ask) else {
        return counted(ask, first.await);
    };
    let first = match select(&mut first, pin!(sleep(patience))).await {
        Either::Left((tried, _)) => return counted(ask, tried),
        Either::Right(_) => first,
    };
    let now = ask.gateway.clock.now();
    let tried = [first_member];
    let second = ask.pick(&tried, now).ok().filter(|picked| !Arc::ptr_eq(picked.member(), &tried[0]));
    let second = second.zip(again.call(notes.headers())).filter(|_| backend.budgets.hedges.withdraw(now));
    let Some((picked, call)) = second else {
        return counted(ask, first.await);
    };
    notes.picked(&picked.endpoint().authority);
    let second = pin!(ask.once(picked, call, now));
    let (winner, by_second) = match select(first, second).await {
        Either::Left((tried, other)) if !is_answer(&tried) => (other.await, true),
        Either::Right((tried, other)) if !is_answer(&tried) => (other.await, false),
        Either::Left((tried, _)) => (tried, false),
        Either::Right((tried, _)) => (tried, true),
    };
    if !by_second {
        notes.answered_by(&tried[0].endpoint.authority);
    }
    counted(ask, winner)
}

/// Whether it is worth not to wait for the other.
const fn is_answer<T>(tried: &Tried<'_, T>) -> bool {
    matches!(tried.verdict, Verdict::Good | Verdict::Client)
}

/// The same; its time says when other calls are slow.
fn counted<'a, T>(ask: &Ask<'_, T>, tried: Tried<'a, T>) -> Tried<'a, T> {
    if tried.verdict == Verdict::Good {
        ask.version.pace.count(ask.gateway.clock.now().saturating_duration_since(ask.began));
    }
    tried
}

/// How long the first call is waited for; `None` while nobody knows how long they take.
fn patience<T>(ask: &Ask<'_, T>) -> Option<Duration> {
    let hedge = ask.version.backend.resilience.hedge?;
    Some(ask.version.pace.within(hedge.percentile)?.max(hedge.after))
}
