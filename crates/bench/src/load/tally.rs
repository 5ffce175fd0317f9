//! What all clients of a process count together.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

/// Counts.
#[derive(Debug)]
pub(super) struct Tally {
    /// Requests that may still begin.
    left: AtomicU64,
    completed: AtomicU64,
    chunks: AtomicU64,
    errors: AtomicU64,
    first_error: Mutex<Option<String>>,
    measuring: AtomicBool,
    delays: Mutex<Vec<u64>>,
}

/// The counts at one time.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) completed: u64,
    pub(super) chunks: u64,
}

impl Tally {
    /// For so many requests, or as many as there is time for.
    pub(super) fn new(count: Option<u64>) -> Self {
        Self {
            left: AtomicU64::new(count.unwrap_or(u64::MAX)),
            completed: AtomicU64::new(0),
            chunks: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            first_error: Mutex::new(None),
            // Without a time everything is measured.
            measuring: AtomicBool::new(count.is_some()),
            delays: Mutex::new(Vec::new()),
        }
    }

    /// Whether one more request may begin.
    pub(super) fn begin(&self) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    /// A request was answered as it should be.
    pub(super) fn completed(&self) {
        self.completed.fetch_add(1, Ordering::Relaxed);
    }

    /// A chunk of an answer came.
    pub(super) fn came_a_chunk(&self) {
        self.chunks.fetch_add(1, Ordering::Relaxed);
    }

    /// Nanoseconds that something took.
    pub(super) fn took(&self, nanoseconds: u64) {
        if self.measuring.load(Ordering::Relaxed) {
            self.delays.lock().push(nanoseconds);
        }
    }

    /// A client gave up.
    pub(super) fn failed(&self, error: &anyhow::Error) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        self.first_error.lock().get_or_insert_with(|| format!("{error:#}"));
    }

    /// Delays are kept from here on.
    pub(super) fn open(&self) -> Counts {
        self.measuring.store(true, Ordering::Relaxed);
        self.counts()
    }

    /// And no longer.
    pub(super) fn close(&self) -> Counts {
        self.measuring.store(false, Ordering::Relaxed);
        self.counts()
    }

    pub(super) fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts { completed: read(&self.completed), chunks: read(&self.chunks) }
    }

    /// How many gave up, and what the first one said.
    pub(super) fn errors(&self) -> (u64, Option<String>) {
        (self.errors.load(Ordering::Relaxed), self.first_error.lock().clone())
    }

    /// The delays, from the least to the greatest.
    pub(super) fn delays(&self) -> Vec<u64> {
        let mut delays = std::mem::take(&mut *self.delays.lock());
        delays.sort_unstable();
        delays
    }
}
