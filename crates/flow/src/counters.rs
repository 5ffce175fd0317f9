//! Counters of a version, for backends that keep none: in the form of Triton's statistics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

/// How often a version was run, and how long that took.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    success: Count,
    fail: Count,
    /// Milliseconds since 1970.
    last: AtomicU64,
}

#[derive(Debug, Default)]
struct Count {
    count: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Counters {
    pub(crate) fn count(&self, good: bool, took: Duration, now: SystemTime) {
        let count = if good { &self.success } else { &self.fail };
        count.count.fetch_add(1, Ordering::Relaxed);
        count.nanoseconds.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let milliseconds = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis());
        self.last.store(u64::try_from(milliseconds).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// One entry of `model_stats`, without names. What happens inside the backend is all called inference.
    pub(crate) fn as_json(&self) -> Value {
        let (success, fail, none) = (self.success.as_json(), self.fail.as_json(), Count::default().as_json());
        let runs = self.success.count.load(Ordering::Relaxed);
        json!({
            "last_inference": self.last.load(Ordering::Relaxed),
            "inference_count": runs,
            "execution_count": runs,
            "inference_stats": {
                "success": success,
                "fail": fail,
                "queue": none,
                "compute_input": none,
                "compute_infer": success,
                "compute_output": none,
                "cache_hit": none,
                "cache_miss": none,
            },
            "batch_stats": [],
        })
    }
}

impl Count {
    fn as_json(&self) -> Value {
        json!({ "count": self.count.load(Ordering::Relaxed), "ns": self.nanoseconds.load(Ordering::Relaxed) })
    }
}
