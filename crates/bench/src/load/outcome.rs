//! What is printed: one object, read by `cargo xtask bench`.

use serde::Serialize;

use super::tally::{Counts, Tally};
use crate::usage::Spent;

#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    /// Requests answered as they should be.
    completed: u64,
    chunks: u64,
    /// Clients that gave up: refused, cut off, or answered otherwise than they should be.
    errors: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_error: Option<String>,
    seconds: f64,
    /// From the scheduled time to the answer's end; of paced chunks, from one end to the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    delays: Option<Delays>,
    #[serde(flatten)]
    spent: Option<Spent>,
}

/// Microseconds.
#[derive(Debug, Serialize)]
struct Delays {
    count: usize,
    p50: f64,
    p99: f64,
}

impl Outcome {
    /// Between two times.
    pub(super) fn new(
        tally: &Tally,
        (before, after): (Counts, Counts),
        nanoseconds: u64,
        spent: Option<Spent>,
    ) -> Self {
        let (errors, first_error) = tally.errors();
        Self {
            completed: after.completed - before.completed,
            chunks: after.chunks - before.chunks,
            errors,
            first_error,
            seconds: float(nanoseconds) / 1e9,
            delays: Delays::of(&tally.delays()),
            spent,
        }
    }
}

impl Delays {
    fn of(sorted: &[u64]) -> Option<Self> {
        let at = |percent: usize| sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)));
        let microseconds = |nanoseconds: &u64| float(*nanoseconds) / 1e3;
        Some(Self { count: sorted.len(), p50: at(50).map(microseconds)?, p99: at(99).map(microseconds)? })
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn float(number: u64) -> f64 {
    number as f64
}
