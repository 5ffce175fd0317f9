//! Several sinks as one: each gets every record, in the order given. Must not know what they do with it.

use std::sync::Arc;

use sluicegate_core::{Kind, Record, RecordSink};

/// Hands every record to several sinks.
pub struct Tee(Box<[Arc<dyn RecordSink>]>);

impl Tee {
    /// Hands every record to `sinks`, in this order.
    pub fn new(sinks: impl IntoIterator<Item = Arc<dyn RecordSink>>) -> Self {
        Self(sinks.into_iter().collect())
    }
}

impl RecordSink for Tee {
    fn begun(&self, listener: &Arc<str>) {
        self.0.iter().for_each(|sink| sink.begun(listener));
    }

    fn ended(&self, record: &Record) {
        self.0.iter().for_each(|sink| sink.ended(record));
    }

    fn left(&self, record: &Record) {
        self.0.iter().for_each(|sink| sink.left(record));
    }

    fn turned_away(&self, listener: &Arc<str>, kind: Kind) {
        self.0.iter().for_each(|sink| sink.turned_away(listener, kind));
    }

    fn limited(&self, limit: &Arc<str>, mode: &'static str) {
        self.0.iter().for_each(|sink| sink.limited(limit, mode));
    }

    fn would_refuse(&self, model: &Arc<str>, kind: Kind) {
        self.0.iter().for_each(|sink| sink.would_refuse(model, kind));
    }
}

impl std::fmt::Debug for Tee {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Tee({} sinks)", self.0.len())
    }
}
