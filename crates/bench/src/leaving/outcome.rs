//! What is printed of a case: one object, read by `cargo xtask hold`.

use serde::Serialize;

use super::case::{Case, How, Over, Point};

#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    point: Point,
    over: Over,
    how: How,
    /// Through the gateway, or without it.
    through: bool,
    clients: u64,
    /// Requests of which no server was to hear, and one did.
    astray: u64,
    /// Microseconds from a client's leaving until its server saw it. Those that were never seen are not among them.
    seen_us: Vec<u64>,
    /// Microseconds from the last client's leaving until the gateway's counters were what they had been, of each batch.
    counted_us: Vec<u64>,
    /// Leavings that nobody saw, and batches whose counters did not come back.
    missed: u64,
}

impl Outcome {
    pub(super) fn new(case: &Case, through: bool) -> Self {
        let Case { point, over, how } = *case;
        let (seen_us, counted_us) = (Vec::new(), Vec::new());
        Self { point, over, how, through, clients: 0, astray: 0, seen_us, counted_us, missed: 0 }
    }

    /// Nanoseconds until a server saw a client leave.
    pub(super) fn seen(&mut self, took: Option<u64>) {
        self.clients += 1;
        self.missed += u64::from(took.is_none());
        self.seen_us.extend(took.map(|took| took / 1000));
    }

    /// One that no server was to hear of.
    pub(super) fn unseen(&mut self, reached: bool) {
        self.clients += 1;
        self.astray += u64::from(reached);
    }

    /// Nanoseconds until the counters were as before.
    pub(super) fn counted(&mut self, took: Option<u64>) {
        self.missed += u64::from(took.is_none());
        self.counted_us.extend(took.map(|took| took / 1000));
    }
}
