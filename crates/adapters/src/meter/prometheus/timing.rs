//! A histogram of durations without a lock: one addition to a bucket, one to the sum.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};
use sluicegate_core::Tally;

/// Upper bounds of the buckets in microseconds; a last one without bound follows.
const BOUNDS: [u64; 16] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 2_500_000, 10_000_000,
    60_000_000,
];

/// Durations, counted by size. Clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct Timing(Arc<Tally<{ SUM + 1 }>>);

/// Where those are counted that are beyond all bounds; before it are the buckets.
const BEYOND: usize = BOUNDS.len();

/// Where the sum is, in nanoseconds. Starts anew after 584 years of request time, which a scraper takes for a restart.
const SUM: usize = BEYOND + 1;

impl Timing {
    /// Counts one duration.
    pub(super) fn observe(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| nanoseconds <= bound * 1000);
        self.0.add([(bucket.unwrap_or(BEYOND), 1), (SUM, nanoseconds)]);
    }
}

impl TypedMetric for Timing {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Timing {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let seconds = BOUNDS.iter().map(|bound| Duration::from_micros(*bound).as_secs_f64()).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = seconds.enumerate().map(|(place, bound)| (bound, self.0.sum(place))).collect();
        // Counted from the buckets, so that the text agrees with itself while requests go on.
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = Duration::from_nanos(self.0.sum(SUM)).as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}
