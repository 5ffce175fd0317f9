//! Requests in flight, counted; and times that may lie far ahead.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Requests taken and not yet answered to the last byte, of one worker over all listeners of a server.
pub(crate) type Gauge = Arc<AtomicUsize>;

/// A request in flight: dropped with the last byte of its answer, or with the work on it.
#[derive(Debug)]
pub(crate) struct InFlight(Gauge);

/// `by` after `at`; far ahead where that cannot be written down.
pub(crate) fn later(at: Instant, by: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(365 * 24 * 3600);
    at + by.min(FAR)
}

impl InFlight {
    pub(crate) fn new(gauge: &Gauge) -> Self {
        gauge.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(gauge))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
