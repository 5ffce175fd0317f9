//! A histogram of durations without a lock: one atomic addition to a bucket, one to the sum.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// Upper bounds of the buckets in microseconds; a last one without bound follows.
const BOUNDS: [u64; 16] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 2_500_000, 10_000_000,
    60_000_000,
];

/// Durations, counted by size. Clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct Timing(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    bounded: [AtomicU64; BOUNDS.len()],
    beyond: AtomicU64,
    /// In nanoseconds. Starts anew after 584 years of request time, which a scraper takes for a restart.
    sum: AtomicU64,
}

impl Timing {
    /// Counts one duration.
    pub(super) fn observe(&self, duration: Duration) {
        let Counts { bounded, beyond, sum } = &*self.0;
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| nanoseconds <= bound * 1000);
        bucket.and_then(|bucket| bounded.get(bucket)).unwrap_or(beyond).fetch_add(1, Ordering::Relaxed);
        sum.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

impl TypedMetric for Timing {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Timing {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let Counts { bounded, beyond, sum } = &*self.0;
        let seconds = BOUNDS.iter().map(|bound| Duration::from_micros(*bound).as_secs_f64());
        let counts = bounded.iter().map(|count| count.load(Ordering::Relaxed));
        let mut buckets: Vec<(f64, u64)> = seconds.zip(counts).collect();
        buckets.push((f64::INFINITY, beyond.load(Ordering::Relaxed)));
        // Counted from the buckets, so that the text agrees with itself while requests go on.
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = Duration::from_nanos(sum.load(Ordering::Relaxed)).as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}
