//! How many calls to a backend are under way at once, and who waits for a turn. A call that cannot have its turn in time is
//! refused at once rather than late. It must not know what is called.

mod limit;
mod queue;

use std::borrow::Cow;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sluicegate_config::{Concurrency, Priority};
use tokio::sync::oneshot;
use tokio::time::timeout_at;

use self::limit::Limit;
use self::queue::{Queue, Ticket};
use crate::verdict::Verdict;

/// The turns at a backend.
pub(crate) struct Slots {
    in_flight: AtomicUsize,
    waiting: AtomicUsize,
    refused: AtomicU64,
    limit: Limit,
    queue: Mutex<Queue>,
    longest: usize,
    wait: Option<Duration>,
    epoch: Instant,
}

/// A turn. Dropping it gives it to the next.
pub(crate) struct Slot<'a> {
    slots: Cow<'a, Arc<Slots>>,
    /// Whether another stands for the turn now.
    replaced: bool,
}

/// Why there is no turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoTurn {
    /// None would come in time.
    Full,
    /// The call's own time was over before one came.
    Late,
}

/// A place in the queue, given up by dropping.
struct Waiting<'a> {
    slots: &'a Arc<Slots>,
    ticket: Ticket,
    turn: oneshot::Receiver<()>,
    served: bool,
}

impl Slots {
    /// Turns by `concurrency`, none taken.
    pub(crate) fn new(concurrency: Concurrency, now: Instant) -> Arc<Self> {
        Arc::new(Self {
            in_flight: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            limit: Limit::new(concurrency.limit),
            queue: Mutex::default(),
            longest: concurrency.queue,
            wait: concurrency.wait,
            epoch: now,
        })
    }

    /// A turn, where there is one and nobody waits for it.
    pub(crate) fn enter_at_once(self: &Arc<Self>) -> Option<Slot<'_>> {
        (self.waiting.load(SeqCst) == 0 && self.take()).then(|| Slot::of(self))
    }

    /// A turn for a call of `priority` that is of use until `until`.
    pub(crate) async fn enter(
        self: &Arc<Self>,
        priority: Priority,
        now: Instant,
        until: Instant,
    ) -> Result<Slot<'_>, NoTurn> {
        if let Some(slot) = self.enter_at_once() {
            return Ok(slot);
        }
        self.limit.pressed();
        // In a box: it is rare, and what is common needs none of its room.
        let turn = Box::pin(self.wait(priority, now, until)).await;
        if let Err(NoTurn::Full) = turn {
            self.refused.fetch_add(1, Relaxed);
        }
        turn
    }

    async fn wait(self: &Arc<Self>, priority: Priority, now: Instant, until: Instant) -> Result<Slot<'_>, NoTurn> {
        let mut waiting = self.line_up(priority, now, until)?;
        // Between the look at the limit and the place in the queue a turn may have become free.
        self.hand_on();
        let turn = pin!(&mut waiting.turn);
        match timeout_at(until.into(), turn).await {
            Ok(Ok(())) => {
                waiting.served = true;
                Ok(Slot::of(self))
            }
            // Its place was given to a call of higher priority.
            Ok(Err(_)) => Err(NoTurn::Full),
            Err(_) => Err(NoTurn::Late),
        }
    }

    /// A place in the queue, if the turn will come soon enough.
    fn line_up(self: &Arc<Self>, priority: Priority, now: Instant, until: Instant) -> Result<Waiting<'_>, NoTurn> {
        let own = until.saturating_duration_since(now);
        let most = self.wait.unwrap_or_else(|| self.limit.patience().min(own / 2)).min(own);
        let mut queue = self.queue.lock();
        let ahead = queue.ahead(priority);
        if ahead >= self.longest || self.limit.wait_for(ahead) > most {
            return Err(NoTurn::Full);
        }
        let (tell, turn) = oneshot::channel();
        let ticket = queue.push(priority, tell);
        self.waiting.fetch_add(1, SeqCst);
        // The last of the lowest make room.
        while (queue.len() > self.longest || self.limit.wait_for(queue.len() - 1) > most)
            && queue.give_up_behind(ticket)
        {
            self.waiting.fetch_sub(1, SeqCst);
        }
        Ok(Waiting { slots: self, ticket, turn, served: false })
    }

    /// Takes a turn if one is free.
    fn take(&self) -> bool {
        let limit = self.limit.get();
        self.in_flight.fetch_update(SeqCst, SeqCst, |count| (count < limit).then_some(count + 1)).is_ok()
    }

    fn release(&self) {
        self.in_flight.fetch_sub(1, SeqCst);
        if self.waiting.load(SeqCst) > 0 {
            self.hand_on();
        }
    }

    /// Gives free turns to those who wait.
    fn hand_on(&self) {
        let mut queue = self.queue.lock();
        while !queue.is_empty() && self.take() {
            self.waiting.fetch_sub(1, SeqCst);
            if !queue.serve_first() {
                // It has just given up.
                self.in_flight.fetch_sub(1, SeqCst);
            }
        }
    }

    /// Takes note of a call's outcome; `least` is what it would have taken with little to do.
    pub(crate) fn judge(&self, verdict: Verdict, took: Duration, least: Duration, now: Instant) {
        if self.limit.judge(verdict, (took, least), self.in_flight.load(SeqCst), self.since(now)) {
            // It was raised: those who wait may go.
            self.hand_on();
        }
    }

    /// Whether a turn is over with the answer's last byte: so it is where the limit is given. One that is found is about
    /// calls whose answer has not begun, for how long those take is what it is found by.
    pub(crate) const fn lasts(&self) -> bool {
        self.limit.is_given()
    }

    /// How many may be under way at once.
    pub(crate) fn limit(&self) -> usize {
        self.limit.get()
    }

    /// How many were refused so far since no turn would have come in time.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Under way, waiting, and how many may be under way at once: for people.
    pub(crate) fn state(&self) -> (usize, usize, usize) {
        (self.in_flight.load(SeqCst), self.waiting.load(SeqCst), self.limit.get())
    }

    fn since(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX)
    }
}

impl<'a> Slot<'a> {
    const fn of(slots: &'a Arc<Slots>) -> Self {
        Self { slots: Cow::Borrowed(slots), replaced: false }
    }

    /// The same turn, for those who do not hold the backend.
    pub(crate) fn lasting(mut self) -> Slot<'static> {
        self.replaced = true;
        Slot { slots: Cow::Owned(Arc::clone(&self.slots)), replaced: false }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        if !self.replaced {
            self.slots.release();
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.served {
            return;
        }
        if self.slots.queue.lock().leave(self.ticket) {
            self.slots.waiting.fetch_sub(1, SeqCst);
        } else if self.turn.try_recv().is_ok() {
            // The turn came at the last moment: it goes to the next.
            self.slots.release();
        }
    }
}

#[cfg(test)]
mod tests;
