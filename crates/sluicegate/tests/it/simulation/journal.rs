//! All that happened in one run, with the simulated time at which it did: what the checks look at, and what must be the
//! same when the run is made again.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::plan::Deed;

/// A request, by a number that no other one of the run has.
pub(super) type Number = u32;

#[derive(Clone, Debug, Hash)]
pub(super) struct Event {
    pub(super) at: Duration,
    pub(super) what: What,
}

#[derive(Clone, Debug, Hash)]
pub(super) enum What {
    /// A client has sent the last byte of a request that is to have its outcome within this time.
    Sent { request: Number, within: Duration },
    /// What a client saw of a request in the end.
    Saw { request: Number, outcome: Outcome },
    /// This request was sent when all was well again.
    Fresh { request: Number },
    /// The gateway took no connection of a client's, over a network that was well.
    NotTaken,
    /// The gateway began with a request.
    Begun,
    /// The gateway wrote a request's record.
    Recorded { id: String, status: u16, outcome: &'static str },
    /// The bytes of a request left the gateway for an endpoint.
    Tried { request: Number, endpoint: String },
    /// Bytes of an answer to a request left the gateway for its client.
    Answering { request: Number },
    /// A server took a request, and did this.
    Served { request: Number, server: String, deed: Deed },
    /// Bytes passed: written by the gateway, or read by it.
    Passed { written: bool, bytes: usize },
    /// What was done to the network or to a server.
    Turned(String),
}

/// What a client sees of a request in the end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Outcome {
    /// A whole answer: its status over HTTP, whether it is a good one, of which request it is, and its id.
    Answered { status: u16, well: bool, of: Option<Number>, id: Option<String> },
    /// The connection, or the stream on it, ended before the answer was whole.
    Broken,
    /// It left before.
    Left,
    /// One of the others, over a network that lost or held bytes meanwhile.
    Lost,
    /// Nothing came in its time.
    Nothing,
}

#[derive(Clone, Default)]
pub(super) struct Journal(Arc<Mutex<Vec<Event>>>);

impl Journal {
    /// Notes `what`, which happened now on the host that runs.
    pub(super) fn note(&self, what: What) {
        let at = turmoil::sim_elapsed().unwrap_or_default();
        self.note_at(at, what);
    }

    pub(super) fn note_at(&self, at: Duration, what: What) {
        self.0.lock().push(Event { at, what });
    }

    pub(super) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.0.lock())
    }
}

/// A number that two runs share only if the same happened at the same times.
pub(super) fn fingerprint(events: &[Event]) -> u64 {
    let mut hasher = DefaultHasher::new();
    events.hash(&mut hasher);
    hasher.finish()
}
