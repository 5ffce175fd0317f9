//! Requests in flight, counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Requests taken and not yet answered to the last byte, of one worker over all listeners of a server.
pub(crate) type Gauge = Arc<AtomicUsize>;

/// A request in flight: dropped with the last byte of its answer, or with the work on it.
pub(crate) struct InFlight<'a>(&'a Gauge);

impl<'a> InFlight<'a> {
    pub(crate) fn new(gauge: &'a Gauge) -> Self {
        gauge.fetch_add(1, Ordering::AcqRel);
        Self(gauge)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
