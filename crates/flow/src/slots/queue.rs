//! Who waits for a turn: higher priorities first, and within one in the order they came.

use std::collections::BTreeMap;

use sluicegate_config::Priority;
use tokio::sync::oneshot;

/// A place: those of higher priority first, then the earlier.
pub(super) type Ticket = (Priority, u64);

/// The queue.
#[derive(Default)]
pub(super) struct Queue {
    waiting: BTreeMap<Ticket, oneshot::Sender<()>>,
    next: u64,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many would be served before one of `priority` that came now.
    pub(super) fn ahead(&self, priority: Priority) -> usize {
        self.waiting.range(..=(priority, u64::MAX)).count()
    }

    pub(super) fn push(&mut self, priority: Priority, tell: oneshot::Sender<()>) -> Ticket {
        let ticket = (priority, self.next);
        self.next += 1;
        self.waiting.insert(ticket, tell);
        ticket
    }

    /// Tells the first that it is its turn. Whether it still waits.
    pub(super) fn serve_first(&mut self) -> bool {
        self.waiting.pop_first().is_some_and(|(_, tell)| tell.send(()).is_ok())
    }

    /// Sends the last away, if it is behind `ticket`. Whether it was.
    pub(super) fn give_up_behind(&mut self, ticket: Ticket) -> bool {
        let is_behind = self.waiting.last_key_value().is_some_and(|(last, _)| *last > ticket);
        is_behind && self.waiting.pop_last().is_some()
    }

    /// Takes one out. Whether it was still there.
    pub(super) fn leave(&mut self, ticket: Ticket) -> bool {
        self.waiting.remove(&ticket).is_some()
    }
}
