//! Who waits for a turn: higher priorities first, and within one in the order they came. While the queue does not run empty
//! it is kept short, so that those who are served were not kept waiting for long, and those who are refused hear it at once.

use std::collections::BTreeMap;
use std::time::Duration;

use sluicegate_config::Priority;
use tokio::sync::oneshot;

/// A queue that did not run empty for so long is one that stands, not one that a burst left behind.
const STANDING: Duration = Duration::from_millis(100);

/// A place: those of higher priority first, then the earlier.
pub(super) type Ticket = (Priority, u64);

/// The queue.
#[derive(Default)]
pub(super) struct Queue {
    waiting: BTreeMap<Ticket, oneshot::Sender<()>>,
    next: u64,
    /// Since when it has not been empty for long.
    busy_since: u64,
    last_push: u64,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many may wait now: `most`, and where it stands as many as have their turn within a part of a call's time.
    pub(super) fn longest(&self, most: usize, limit: usize, now: u64) -> usize {
        let busy = Duration::from_nanos(now.saturating_sub(self.busy_since));
        let standing = busy >= STANDING && !(self.is_empty() && self.was_idle(now));
        if standing { most.min((limit / 4).max(1)) } else { most }
    }

    /// Whether nobody came to wait for long enough that the next one begins anew. That it is empty for a moment, since a turn
    /// more was to be had, says nothing.
    fn was_idle(&self, now: u64) -> bool {
        self.last_push == 0 || Duration::from_nanos(now.saturating_sub(self.last_push)) >= STANDING
    }

    /// How many would be served before one of `priority` that came now.
    pub(super) fn ahead(&self, priority: Priority) -> usize {
        self.waiting.range(..=(priority, u64::MAX)).count()
    }

    pub(super) fn push(&mut self, priority: Priority, tell: oneshot::Sender<()>, now: u64) -> Ticket {
        if self.is_empty() && self.was_idle(now) {
            self.busy_since = now;
        }
        self.last_push = now;
        let ticket = (priority, self.next);
        self.next += 1;
        self.waiting.insert(ticket, tell);
        ticket
    }

    /// Tells the first that it is its turn. Whether it still waits.
    pub(super) fn serve_first(&mut self) -> bool {
        self.waiting.pop_first().is_some_and(|(_, tell)| tell.send(()).is_ok())
    }

    /// Sends the last away. Whether there was one.
    pub(super) fn give_up_last(&mut self) -> bool {
        self.waiting.pop_last().is_some()
    }

    /// Takes one out. Whether it was still there.
    pub(super) fn leave(&mut self, ticket: Ticket) -> bool {
        self.waiting.remove(&ticket).is_some()
    }
}
