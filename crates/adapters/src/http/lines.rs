//! The HTTP/1.1 connections of one worker to one endpoint: those in use are counted, idle ones kept for its next
//! request. Bounded in number and age. Must not know what is asked over them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use sluicegate_core::{Clock, Worker};

use super::line::Line;

/// Most idle connections kept for one endpoint by all workers together, as long as each may then keep as many as below.
const IDLE_LIMIT: usize = 128;

/// Idle connections that a worker may keep in any case: with fewer it would make a new one every other moment.
const IDLE_LEAST: usize = 4;

/// How long a connection is kept idle. Below the five seconds after which uvicorn, and so MLServer and KServe, closes
/// one: a request sent at that very moment would be lost without a way to tell how far it got.
pub(super) const IDLE_AGE: Duration = Duration::from_secs(4);

/// The connections of one worker to one endpoint.
pub(super) struct Lines {
    clock: Arc<dyn Clock>,
    most: usize,
    /// Locked by its worker, and by who looks at the whole.
    shelf: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    in_use: usize,
    /// Each with when it is too old. The one used last stands last, so that the others grow old.
    idle: Vec<(Instant, Box<Line>)>,
}

/// A connection in use. Dropping it closes the socket; only a finished one goes back.
pub(super) struct Lease {
    lines: Arc<Lines>,
    line: Option<Box<Line>>,
    /// It is among those in use.
    counted: bool,
}

impl Lines {
    /// No connections yet, of this worker.
    pub(super) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        let most = Worker::current().share(IDLE_LIMIT, IDLE_LEAST);
        Arc::new(Self { clock, most, shelf: Mutex::default() })
    }

    /// Requests and answers under way now, each with a connection for itself.
    pub(super) fn in_use(&self) -> usize {
        self.shelf.lock().in_use
    }

    /// Connections kept for the next request.
    pub(super) fn idle(&self) -> usize {
        self.shelf.lock().idle.len()
    }

    /// Counts `line` as in use.
    pub(super) fn lease(self: &Arc<Self>, line: Box<Line>) -> Lease {
        self.shelf.lock().in_use += 1;
        Lease { lines: Arc::clone(self), line: Some(line), counted: true }
    }

    /// An idle connection that was open when it was last looked at.
    pub(super) fn take(self: &Arc<Self>, now: Instant) -> Option<Lease> {
        let mut shelf = self.shelf.lock();
        let (until, line) = shelf.idle.pop()?;
        if until <= now {
            drop(shelf);
            // It was the youngest: the rest is older still.
            self.sweep(now);
            return None;
        }
        shelf.in_use += 1;
        drop(shelf);
        Some(Lease { lines: Arc::clone(self), line: Some(line), counted: true })
    }

    /// Closes idle connections that are too old. Whether nothing is left, in use or idle.
    pub(super) fn sweep(&self, now: Instant) -> bool {
        let (old, none) = {
            let Shelf { in_use, idle } = &mut *self.shelf.lock();
            let fresh = idle.partition_point(|(until, _)| *until <= now);
            let young = idle.split_off(fresh);
            let none = *in_use == 0 && young.is_empty();
            (std::mem::replace(idle, young), none)
        };
        // Sockets are closed outside the lock.
        drop(old);
        none
    }

    /// Takes one back that was in use.
    fn put(&self, line: Box<Line>) {
        let until = self.clock.now() + IDLE_AGE;
        let mut shelf = self.shelf.lock();
        shelf.in_use -= 1;
        if shelf.idle.len() < self.most {
            shelf.idle.push((until, line));
        }
    }
}

impl Lease {
    /// The connection; `None` once it was given back.
    pub(super) fn line(&mut self) -> Option<&mut Line> {
        self.line.as_deref_mut()
    }

    /// The same, to be looked at.
    pub(super) fn look(&self) -> Option<&Line> {
        self.line.as_deref()
    }

    /// The answer's body, if all of it came with its head; the connection is then given back.
    pub(super) fn whole(&mut self) -> Option<Bytes> {
        let whole = self.line()?.whole()?;
        self.finish();
        Some(whole)
    }

    /// Gives the connection back if the exchange is complete in both directions; else closes it. Whether it is still open
    /// is looked at by the next request.
    pub(super) fn finish(&mut self) {
        if let Some(mut line) = self.line.take()
            && line.is_free()
        {
            line.shrink();
            self.counted = false;
            self.lines.put(line);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.counted {
            self.lines.shelf.lock().in_use -= 1;
        }
    }
}
