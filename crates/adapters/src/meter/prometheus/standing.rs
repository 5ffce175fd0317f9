//! Metrics that are not counted here but stand elsewhere: read when somebody scrapes, so that they cost a request nothing.

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

/// A metric with all its series.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Its name, without the prefix that all have, and without `_total`.
    pub name: &'static str,
    /// What it tells.
    pub help: &'static str,
    /// Whether it only ever grows.
    pub grows: bool,
    /// Labels by their names, and the value.
    pub series: Vec<(Vec<(&'static str, String)>, f64)>,
}

/// Reads all of them.
pub type Read = Box<dyn Fn() -> Vec<Standing> + Send + Sync>;

/// Where they are read from, once that is known.
#[derive(Clone, Default)]
pub(super) struct Elsewhere(Arc<RwLock<Option<Read>>>);

impl Elsewhere {
    pub(super) fn follow(&self, read: Read) {
        *self.0.write() = Some(read);
    }
}

impl Collector for Elsewhere {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let all = self.0.read().as_ref().map(|read| read()).unwrap_or_default();
        for Standing { name, help, grows, series } in all {
            let kind = if grows { MetricType::Counter } else { MetricType::Gauge };
            let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
            for (labels, value) in series {
                let mut of_labels = metric.encode_family(&labels)?;
                match grows {
                    true => of_labels.encode_counter::<[(&str, &str); 0], f64, f64>(&value, None)?,
                    false => of_labels.encode_gauge(&value)?,
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Elsewhere {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Elsewhere").finish_non_exhaustive()
    }
}
