//! What an answer tells while it passes: known only behind its last byte, and wanted in the record.

use parking_lot::Mutex;
use sluicegate_core::{Kind, Outcome, Record, Refusal, Usage};

/// Shared between the record and whoever reads the answer on its way.
#[derive(Default)]
pub(crate) struct Heard(Mutex<Facts>);

#[derive(Default)]
struct Facts {
    usage: Option<Usage>,
    end: Option<(Outcome, String)>,
    would_refuse: Option<Kind>,
}

impl Heard {
    /// Notes the tokens told; the last word counts.
    pub(crate) fn usage(&self, usage: Option<Usage>) {
        let mut facts = self.0.lock();
        facts.usage = usage.or(facts.usage);
    }

    /// Notes that the answer did not end well. The first reason counts.
    pub(crate) fn failed(&self, outcome: Outcome, cause: impl Into<String>) {
        self.0.lock().end.get_or_insert_with(|| (outcome, cause.into()));
    }

    /// Notes that the answer ended with a refusal, told behind its head.
    pub(crate) fn refused(&self, refusal: &Refusal) {
        let cause = refusal.cause.clone().unwrap_or_else(|| refusal.public.to_string());
        self.failed(Outcome::Refused(refusal.kind), cause);
    }

    /// Notes that rules, merely observed, refuse a part of what is asked. The first one counts.
    pub(crate) fn would_refuse(&self, kind: Kind) {
        self.0.lock().would_refuse.get_or_insert(kind);
    }

    /// Writes what was heard into the record. Who left is not told of what came after.
    pub(super) fn tell(&self, record: &mut Record) {
        let mut facts = self.0.lock();
        record.usage = facts.usage;
        record.would_refuse = record.would_refuse.or(facts.would_refuse);
        if let Some((outcome, cause)) = facts.end.take_if(|_| record.outcome == Outcome::Answered) {
            record.outcome = outcome;
            record.cause = Some(cause);
        }
    }
}
