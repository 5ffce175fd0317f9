//! Requests that rules refuse and that were served all the same, by model. Names of models are the configuration's; those of
//! many generations in the life of a process are bounded, too.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use sluicegate_core::Kind;

use super::labels::WouldRefuseLabels;

/// The counters, looked up without another table's locks.
pub(super) struct WouldRefuse {
    family: Family<WouldRefuseLabels, Counter>,
    known: RwLock<HashMap<WouldRefuseLabels, Counter>>,
    limit: usize,
}

impl WouldRefuse {
    pub(super) fn register(registry: &mut Registry, limit: usize) -> Self {
        let family = Family::<WouldRefuseLabels, Counter>::default();
        let help = "Requests that a model's rules refuse, served since its rules are merely observed";
        registry.register("would_refuse", help, family.clone());
        Self { family, known: RwLock::default(), limit }
    }

    pub(super) fn count(&self, model: &Arc<str>, kind: Kind) {
        let kind = kind.facts().label;
        let labels = WouldRefuseLabels { model: Arc::clone(model), kind };
        if let Some(counter) = self.known.read().get(&labels) {
            counter.inc();
            return;
        }
        let mut known = self.known.write();
        let labels = match known.len() < self.limit || known.contains_key(&labels) {
            true => labels,
            false => WouldRefuseLabels { model: Arc::from("other"), kind },
        };
        known.entry(labels).or_insert_with_key(|labels| self.family.get_or_create_owned(labels)).inc();
    }
}
