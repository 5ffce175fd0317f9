//! Requests that limits had not enough left for, by limit. Names of limits are the configuration's; those of many generations
//! in the life of a process are bounded, too.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::labels::LimitLabels;

/// The counters, looked up without another table's locks.
pub(super) struct Limited {
    family: Family<LimitLabels, Counter>,
    known: RwLock<HashMap<LimitLabels, Counter>>,
    limit: usize,
}

impl Limited {
    pub(super) fn register(registry: &mut Registry, limit: usize) -> Self {
        let family = Family::<LimitLabels, Counter>::default();
        let help = "Requests that a limit had not enough left for: refused, or served where it only observes";
        registry.register("limited", help, family.clone());
        Self { family, known: RwLock::default(), limit }
    }

    pub(super) fn count(&self, limit: &Arc<str>, mode: &'static str) {
        let labels = LimitLabels { limit: Arc::clone(limit), mode };
        if let Some(counter) = self.known.read().get(&labels) {
            counter.inc();
            return;
        }
        let mut known = self.known.write();
        let labels = match known.len() < self.limit || known.contains_key(&labels) {
            true => labels,
            false => LimitLabels { limit: Arc::from("other"), mode },
        };
        known.entry(labels).or_insert_with_key(|labels| self.family.get_or_create_owned(labels)).inc();
    }
}
