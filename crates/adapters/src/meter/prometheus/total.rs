//! A counter and a gauge that requests change without a locked instruction.

use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};
use sluicegate_core::Tally;

/// A number that only grows. Clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct Total(Arc<Tally<1>>);

/// How many have begun and not ended. Clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct UnderWay(Arc<Tally<2>>);

impl Total {
    pub(super) fn add(&self, more: u64) {
        self.0.add([(0, more)]);
    }
}

impl UnderWay {
    pub(super) fn begin(&self) {
        self.0.add([(0, 1)]);
    }

    pub(super) fn end(&self) {
        self.0.add([(1, 1)]);
    }
}

impl TypedMetric for Total {
    const TYPE: MetricType = MetricType::Counter;
}

impl EncodeMetric for Total {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_counter::<NoLabelSet, _, u64>(&self.0.sum(0), None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for UnderWay {
    const TYPE: MetricType = MetricType::Gauge;
}

impl EncodeMetric for UnderWay {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        // First those that have ended: each of them is among those that have begun.
        let ended = self.0.sum(1);
        encoder.encode_gauge(&self.0.sum(0).wrapping_sub(ended).cast_signed())
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}
