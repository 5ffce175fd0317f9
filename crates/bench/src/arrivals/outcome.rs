//! What is printed: one object, read by `cargo xtask faults` and `cargo xtask hold`.

use serde::Serialize;

use crate::usage::Spent;

#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    /// In the order they were due.
    answers: Vec<Answer>,
    phases: Vec<Phase>,
    /// What was said of the first ones without an answer, and of the first wrong ones.
    complaints: Vec<String>,
}

/// Microseconds from the beginning to when it was due, microseconds it took, and the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Answer(u64, u64, u16);

/// What a phase cost.
#[derive(Debug, Serialize)]
struct Phase {
    seconds: f64,
    #[serde(flatten)]
    spent: Spent,
}

/// How a request ended: an answer's status, or one of these.
pub(super) mod code {
    /// No answer, or not the whole of it.
    pub(in super::super) const TRANSPORT: u16 = 0;
    /// Nobody waited any more.
    pub(in super::super) const TIMEOUT: u16 = 1;
    /// 200 with another body than its own.
    pub(in super::super) const WRONG: u16 = 2;

    /// Of gRPC's: 200 where all is well, else 600 and the status.
    pub(in super::super) fn grpc(status: u16) -> u16 {
        if status == 0 { 200 } else { status.saturating_add(600) }
    }
}

impl Answer {
    /// Of times in nanoseconds.
    pub(super) const fn new(due: u64, took: u64, code: u16) -> Self {
        Self(due / 1000, took / 1000, code)
    }
}

impl Outcome {
    pub(super) fn new(mut answers: Vec<Answer>, phases: Vec<(u64, Spent)>, complaints: Vec<String>) -> Self {
        answers.sort_unstable();
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let phases = phases.into_iter().map(|(time, spent)| Phase { seconds: time as f64 / 1e9, spent });
        Self { answers, phases: phases.collect(), complaints }
    }
}
