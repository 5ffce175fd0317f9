//! Counters of a version, for backends that keep none: in the form of Triton's statistics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use sluicegate_core::Tally;

use crate::status::Runs;

/// How often a version was run, and how long that took.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    success: Count,
    fail: Count,
    /// Milliseconds since 1970.
    last: AtomicU64,
}

/// How many, and their nanoseconds.
#[derive(Debug, Default)]
struct Count(Tally<2>);

impl Counters {
    pub(crate) fn count(&self, good: bool, took: Duration, now: SystemTime) {
        let count = if good { &self.success } else { &self.fail };
        count.0.add([(0, 1), (1, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX))]);
        let milliseconds = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis());
        self.last.store(u64::try_from(milliseconds).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// For people.
    pub(crate) fn runs(&self) -> Runs {
        let good_ms = self.success.nanoseconds() / 1_000_000;
        Runs { good: self.success.count(), failed: self.fail.count(), good_ms }
    }

    /// One entry of `model_stats`, without names. What happens inside the backend is all called inference.
    pub(crate) fn as_json(&self) -> Value {
        // Read once: a run counted in between would make a total differ from its parts, and perf_analyzer gives up.
        let runs = self.success.count();
        let success = json!({ "count": runs, "ns": self.success.nanoseconds() });
        let fail = json!({ "count": self.fail.count(), "ns": self.fail.nanoseconds() });
        let none = json!({ "count": 0, "ns": 0 });
        // Each went through a queue that has no length: tools look here for the version that was run.
        let passed = json!({ "count": runs, "ns": 0 });
        json!({
            "last_inference": self.last.load(Ordering::Relaxed),
            "inference_count": runs,
            "execution_count": runs,
            "inference_stats": {
                "success": success,
                "fail": fail,
                "queue": passed,
                "compute_input": passed,
                "compute_infer": success,
                "compute_output": passed,
                "cache_hit": none,
                "cache_miss": none,
            },
            "batch_stats": [],
        })
    }
}

impl Count {
    fn count(&self) -> u64 {
        self.0.sum(0)
    }

    fn nanoseconds(&self) -> u64 {
        self.0.sum(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_see_which_version_was_run() {
        let counters = Counters::default();
        counters.count(true, Duration::from_nanos(5), SystemTime::UNIX_EPOCH);
        counters.count(false, Duration::from_nanos(7), SystemTime::UNIX_EPOCH);
        let told = counters.as_json();
        // perf_analyzer takes a version for run only if its queue was passed more often than before.
        assert_eq!(told["inference_stats"]["queue"], json!({ "count": 1, "ns": 0 }));
        assert_eq!(told["inference_stats"]["success"], json!({ "count": 1, "ns": 5 }));
        assert_eq!(told["inference_stats"]["fail"], json!({ "count": 1, "ns": 7 }));
    }

    #[test]
    fn a_total_equals_its_parts_while_runs_are_counted() {
        let counters = Counters::default();
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    counters.count(true, Duration::from_nanos(5), SystemTime::UNIX_EPOCH);
                }
            });
            let told: Vec<_> = (0..10_000).map(|_| counters.as_json()).collect();
            over.store(true, Ordering::Relaxed);
            for told in told {
                let parts = ["success", "queue", "compute_input", "compute_infer", "compute_output"]
                    .map(|part| told["inference_stats"][part]["count"].as_u64());
                assert_eq!(parts, [told["inference_count"].as_u64(); 5]);
            }
        });
    }
}
