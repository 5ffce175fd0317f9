//! What the clients saw, and the figures of any part of it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What `sluicegate-bench arrivals` prints.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub(in crate::commands) struct Report {
    pub(in crate::commands) answers: Vec<Answer>,
    pub(in crate::commands) phases: Vec<Cost>,
    pub(in crate::commands) complaints: Vec<String>,
}

/// Microseconds to when it was due, microseconds it took since, and a code: the status, or one of those below.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
pub(in crate::commands) struct Answer(
    pub(in crate::commands) u64,
    pub(in crate::commands) u64,
    pub(in crate::commands) u16,
);

/// What a phase cost.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
pub(in crate::commands) struct Cost {
    pub(in crate::commands) seconds: f64,
    pub(in crate::commands) proxy_ns: u64,
    pub(in crate::commands) own_ns: u64,
    pub(in crate::commands) others_ns: u64,
    pub(in crate::commands) peak_kib: u64,
}

/// No answer, or not the whole of it.
pub(in crate::commands) const TRANSPORT: u16 = 0;
/// The client gave up.
pub(in crate::commands) const TIMEOUT: u16 = 1;
/// 200 with another body than the request's own.
pub(in crate::commands) const WRONG: u16 = 2;
/// Above the statuses of gRPC.
pub(in crate::commands) const GRPC: u16 = 600;

/// Some of the requests in figures.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::commands) struct Figures {
    pub(in crate::commands) sent: u64,
    pub(in crate::commands) good: u64,
    /// How the others ended.
    pub(in crate::commands) bad: BTreeMap<u16, u64>,
    /// Of the good ones.
    pub(in crate::commands) accepted: Option<Quantiles>,
    /// Of those that were answered with a status of 400 and more.
    pub(in crate::commands) refused: Option<Quantiles>,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::commands) struct Quantiles {
    pub(in crate::commands) p50: f64,
    pub(in crate::commands) p99: f64,
    pub(in crate::commands) p999: f64,
}

impl Report {
    /// Of the requests that were due between two times, in seconds; `served` are good statuses beside 200.
    pub(in crate::commands) fn between(&self, from: f64, to: f64, served: &[u16]) -> Figures {
        let due = |answer: &&Answer| (from..to).contains(&(float(answer.0) / 1e6));
        let mut figures = Figures::default();
        let (mut accepted, mut refused) = (Vec::new(), Vec::new());
        for Answer(_, took, code) in self.answers.iter().filter(due) {
            figures.sent += 1;
            if *code == 200 || served.contains(code) {
                figures.good += 1;
                accepted.push(*took);
            } else {
                *figures.bad.entry(*code).or_default() += 1;
                if *code >= 400 {
                    refused.push(*took);
                }
            }
        }
        figures.accepted = Quantiles::of(accepted);
        figures.refused = Quantiles::of(refused);
        figures
    }

    /// Of each whole second between two times.
    pub(in crate::commands) fn each_second(&self, from: f64, to: f64, served: &[u16]) -> Vec<Figures> {
        let mut seconds = Vec::new();
        let mut second = from;
        while second + 1.0 <= to {
            seconds.push(self.between(second, second + 1.0, served));
            second += 1.0;
        }
        seconds
    }
}

impl Figures {
    /// The part that was answered well; all of nothing.
    pub(in crate::commands) fn success(&self) -> f64 {
        if self.sent == 0 { 1.0 } else { float(self.good) / float(self.sent) }
    }

    pub(in crate::commands) const fn failures(&self) -> u64 {
        self.sent - self.good
    }

    pub(in crate::commands) fn wrong(&self) -> u64 {
        self.bad.get(&WRONG).copied().unwrap_or_default()
    }
}

impl Quantiles {
    /// The least figures that so many of all are not above.
    pub(in crate::commands) fn of(mut microseconds: Vec<u64>) -> Option<Self> {
        microseconds.sort_unstable();
        let at = |thousandths: usize| {
            let rank = (microseconds.len() * thousandths).div_ceil(1000);
            microseconds.get(rank.checked_sub(1)?).map(|time| float(*time) / 1000.0)
        };
        Some(Self { p50: at(500)?, p99: at(990)?, p999: at(999)? })
    }
}

impl Cost {
    /// Cores' worth of time.
    pub(in crate::commands) fn cores(&self, nanoseconds: u64) -> f64 {
        float(nanoseconds) / 1e9 / self.seconds.max(f64::MIN_POSITIVE)
    }
}

/// A code as a person reads it.
pub(in crate::commands) fn named(code: u16) -> String {
    match code {
        TRANSPORT => "broken".to_owned(),
        TIMEOUT => "timeout".to_owned(),
        WRONG => "WRONG".to_owned(),
        // The status of gRPC stands behind the hundreds, which HTTP does not have.
        call if call >= GRPC => format!("grpc {}", call - GRPC),
        status => status.to_string(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(in crate::commands) fn float(number: u64) -> f64 {
    number as f64
}
