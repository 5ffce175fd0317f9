//! What the clients saw, and the figures of any part of it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What `sluicegate-bench arrivals` prints.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub(super) struct Report {
    pub(super) answers: Vec<Answer>,
    pub(super) phases: Vec<Cost>,
    pub(super) complaints: Vec<String>,
}

/// Microseconds to when it was due, microseconds it took since, and a code: the status, or one of those below.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
pub(super) struct Answer(pub(super) u64, pub(super) u64, pub(super) u16);

/// What a phase cost.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
pub(super) struct Cost {
    pub(super) seconds: f64,
    pub(super) proxy_ns: u64,
    pub(super) own_ns: u64,
    pub(super) others_ns: u64,
    pub(super) peak_kib: u64,
}

/// No answer, or not the whole of it.
pub(super) const TRANSPORT: u16 = 0;
/// The client gave up.
pub(super) const TIMEOUT: u16 = 1;
/// 200 with another body than the request's own.
pub(super) const WRONG: u16 = 2;

/// Some of the requests in figures.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Figures {
    pub(super) sent: u64,
    pub(super) good: u64,
    /// How the others ended.
    pub(super) bad: BTreeMap<u16, u64>,
    /// Of the good ones.
    pub(super) accepted: Option<Quantiles>,
    /// Of those that were answered with a status of 400 and more.
    pub(super) refused: Option<Quantiles>,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Quantiles {
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
}

impl Report {
    /// Of the requests that were due between two times, in seconds; `served` are good statuses beside 200.
    pub(super) fn between(&self, from: f64, to: f64, served: &[u16]) -> Figures {
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
    pub(super) fn each_second(&self, from: f64, to: f64, served: &[u16]) -> Vec<Figures> {
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
    pub(super) fn success(&self) -> f64 {
        if self.sent == 0 { 1.0 } else { float(self.good) / float(self.sent) }
    }

    pub(super) const fn failures(&self) -> u64 {
        self.sent - self.good
    }

    pub(super) fn wrong(&self) -> u64 {
        self.bad.get(&WRONG).copied().unwrap_or_default()
    }
}

impl Quantiles {
    /// The least figures that so many of all are not above.
    fn of(mut microseconds: Vec<u64>) -> Option<Self> {
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
    pub(super) fn cores(&self, nanoseconds: u64) -> f64 {
        float(nanoseconds) / 1e9 / self.seconds.max(f64::MIN_POSITIVE)
    }
}

/// A code as a person reads it.
pub(super) fn named(code: u16) -> String {
    match code {
        TRANSPORT => "broken".to_owned(),
        TIMEOUT => "timeout".to_owned(),
        WRONG => "WRONG".to_owned(),
        status => status.to_string(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}
