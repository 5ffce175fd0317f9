//! What is going on in one connection, told by those who see it to those who must act on it: the stream (may an end of
//! input be hidden?), the watch (is it idle, slow, stalled?), draining (how many requests are in flight?).
//!
//! All atomics: HTTP/2 streams live in tasks of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

/// Requests taken and not yet answered to the last byte, of one worker over all listeners of a server.
pub(crate) type Gauge = Arc<AtomicUsize>;

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct Pulse {
    /// Whether it speaks HTTP/1.
    pub(crate) http1: bool,
    /// Woken when the hidden end of input may be shown to HTTP.
    pub(crate) reader: AtomicWaker,
    /// Woken when the input ended while a body was awaited.
    pub(crate) body: AtomicWaker,
    born: Instant,
    /// Microseconds after `born`, plus one, at which the head that is being read began; zero for none.
    head: AtomicU64,
    /// Microseconds after `born` at which something last moved.
    moved: AtomicU64,
    open: AtomicUsize,
    /// Answers whose next bytes are ready but not asked for: their client does not read.
    waiting: AtomicUsize,
    /// Bytes have arrived that belong to no request that was read whole.
    unread: AtomicBool,
    input_ended: AtomicBool,
    gauge: Gauge,
}

/// A request in flight. Dropped with the last byte of its answer, or with the work on it.
#[derive(Debug)]
pub(crate) struct Ticket {
    pulse: Arc<Pulse>,
    waiting: bool,
}

/// `by` after `at`; far ahead where that cannot be written down.
pub(crate) fn later(at: Instant, by: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(365 * 24 * 3600);
    at + by.min(FAR)
}

impl Pulse {
    pub(crate) fn new(http1: bool, gauge: Gauge) -> Self {
        Self {
            http1,
            reader: AtomicWaker::new(),
            body: AtomicWaker::new(),
            born: Instant::now(),
            head: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            unread: AtomicBool::new(false),
            input_ended: AtomicBool::new(false),
            gauge,
        }
    }

    /// Bytes came in.
    pub(crate) fn arrived(&self) {
        self.unread.store(true, Ordering::Relaxed);
        if self.open() == 0 && self.head.load(Ordering::Relaxed) == 0 {
            self.head.store(self.age().saturating_add(1), Ordering::Relaxed);
        }
    }

    /// Bytes went out, or an answer was asked for more.
    pub(crate) fn progressed(&self) {
        self.moved.store(self.age(), Ordering::Relaxed);
    }

    /// A head is complete. `whole`: the request has no body that is still to come.
    pub(crate) fn begin(self: &Arc<Self>, whole: bool) -> Ticket {
        self.open.fetch_add(1, Ordering::AcqRel);
        self.gauge.fetch_add(1, Ordering::AcqRel);
        self.head.store(0, Ordering::Relaxed);
        self.unread.store(!whole, Ordering::Relaxed);
        self.progressed();
        Ticket { pulse: Arc::clone(self), waiting: false }
    }

    /// A request's body was read to its end.
    pub(crate) fn read_whole(&self) {
        self.unread.store(false, Ordering::Relaxed);
    }

    /// Whether bytes may be on their way that nobody will read.
    pub(crate) fn unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// The client sends no more; a body that still waits for bytes is told.
    pub(crate) fn end_input(&self) {
        self.input_ended.store(true, Ordering::Release);
        self.body.wake();
    }

    pub(crate) fn input_ended(&self) -> bool {
        self.input_ended.load(Ordering::Acquire)
    }

    /// Requests in flight.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// Whether an answer waits for its client to read.
    pub(crate) fn awaits_client(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// When the head that is being read began.
    pub(crate) fn head_since(&self) -> Option<Instant> {
        let micros = self.head.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.born + Duration::from_micros(micros))
    }

    /// When something last moved: a request began or ended, bytes of an answer were taken.
    pub(crate) fn moved_at(&self) -> Instant {
        self.born + Duration::from_micros(self.moved.load(Ordering::Relaxed))
    }

    fn age(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

impl Ticket {
    /// The answer was asked for bytes; `ready`: it had some, so that the client is now the one waited for.
    pub(crate) fn polled(&mut self, ready: bool) {
        self.pulse.progressed();
        self.set_waiting(ready);
    }

    fn set_waiting(&mut self, waiting: bool) {
        if waiting != self.waiting {
            self.waiting = waiting;
            if waiting {
                self.pulse.waiting.fetch_add(1, Ordering::AcqRel);
            } else {
                self.pulse.waiting.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.set_waiting(false);
        self.pulse.progressed();
        self.pulse.open.fetch_sub(1, Ordering::AcqRel);
        self.pulse.gauge.fetch_sub(1, Ordering::AcqRel);
    }
}
