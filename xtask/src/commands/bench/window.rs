//! One measurement: the clients' report of it, and the figures that follow from it.

use serde::Deserialize;

/// What `sluicegate-bench load` prints.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
pub(super) struct Window {
    pub(super) completed: u64,
    pub(super) chunks: u64,
    pub(super) errors: u64,
    pub(super) first_error: Option<String>,
    pub(super) seconds: f64,
    pub(super) delays: Option<Delays>,
    pub(super) proxy_ns: u64,
    pub(super) busiest_thread_ns: u64,
    pub(super) own_ns: u64,
    pub(super) others_ns: u64,
    pub(super) machine_ns: u64,
    pub(super) steal_ns: u64,
    pub(super) peak_kib: u64,
    pub(super) pss_kib: u64,
}

/// Microseconds.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
pub(super) struct Delays {
    pub(super) count: u64,
    pub(super) p50: f64,
    pub(super) p99: f64,
}

impl Window {
    /// Microseconds of the proxy's processes for each of `count`.
    pub(super) fn cost(&self, count: u64) -> f64 {
        float(self.proxy_ns) / 1e3 / float(count.max(1))
    }

    /// Requests a second.
    pub(super) fn rate(&self) -> f64 {
        float(self.completed) / self.seconds
    }

    /// Cores' worth of time.
    pub(super) fn cores(&self, nanoseconds: u64) -> f64 {
        float(nanoseconds) / 1e9 / self.seconds
    }

    /// The busiest thread's part of the proxy's time.
    pub(super) fn busiest(&self) -> f64 {
        float(self.busiest_thread_ns) / float(self.proxy_ns.max(1))
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}
