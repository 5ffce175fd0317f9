//! More requests than the one server can answer, whatever stands before it: what is answered all the same, what a refusal
//! costs, and how soon all is well when the load is.

use anyhow::{Context, Result};

use super::answers::{Cost, Figures, Report, float};
use super::field::{Field, Programs, Proxy};
use super::judge::{Verdict, void};
use super::run::TRIES;
use crate::say;

/// What the server can do: 20 places of 40 ms.
pub(super) const CAPACITY: f64 = 500.0;
/// Times the capacity, and seconds.
pub(super) const PHASES: &[(f64, f64)] = &[(0.8, 8.0), (1.0, 8.0), (2.0, 8.0), (5.0, 10.0), (10.0, 10.0), (0.8, 10.0)];
/// Milliseconds a client waits: an answer that comes later is none.
pub(super) const PATIENCE: u64 = 1000;

/// Part of the best goodput that is to be left at 5 and at 10 times the capacity.
const GOODPUT: &[(f64, f64)] = &[(5.0, 0.9), (10.0, 0.8)];
/// Milliseconds of a refusal's p99.
const REFUSAL: f64 = 5.0;
/// Seconds until all is well again.
const RECOVERY: f64 = 5.0;
/// The part of its core that the gateway may use, so that its code and not the machine is measured.
const OWN: f64 = 0.7;
/// All is well when p99 is at most so many times what it was, and so many are answered.
const WELL_TIMES: f64 = 2.0;
const WELL_SUCCESS: f64 = 0.999;

/// The phases of one proxy.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Load {
    pub(super) phases: Vec<Phase>,
    /// Seconds from the end of the overload; `None`: it was not well again while it was looked at.
    pub(super) recovery: Option<f64>,
    /// Each second from the beginning.
    pub(super) each: Vec<Figures>,
    /// The most requests that were at the server at once.
    pub(super) most: u64,
    pub(super) complaints: Vec<String>,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Phase {
    /// Of the capacity.
    pub(super) times: f64,
    pub(super) seconds: f64,
    pub(super) figures: Figures,
    pub(super) cost: Cost,
}

impl Phase {
    /// Requests answered in time, a second.
    pub(super) fn goodput(&self) -> f64 {
        float(self.figures.good) / self.seconds
    }

    /// Cores that the proxy used.
    pub(super) fn proxy(&self) -> f64 {
        self.cost.cores(self.cost.proxy_ns)
    }
}

/// All phases, again while the machine did other things as well.
pub(super) fn measure(programs: &Programs, proxy: Proxy) -> Result<Load> {
    for _ in 1..TRIES {
        let load = once(programs, proxy)?;
        match load.phases.iter().find_map(|phase| void(&phase.cost)) {
            Some(void) => say::progress(format_args!("overload again: {}", void.text)),
            None => return Ok(load),
        }
    }
    once(programs, proxy)
}

fn once(programs: &Programs, proxy: Proxy) -> Result<Load> {
    let mut field = Field::start(programs, proxy, 1)?;
    let rates: Vec<(f64, f64)> = PHASES.iter().map(|(times, seconds)| (times * CAPACITY, *seconds)).collect();
    let mut clients = field.clients(&rates, PATIENCE, 0)?;
    let report: Report = serde_json::from_str(&clients.line()?).context("what the clients said")?;
    let most = field.counts()?.iter().map(|server| server.most).max().unwrap_or_default();
    Ok(Load { most, ..told(report) })
}

/// The phases in what the clients told.
pub(super) fn told(report: Report) -> Load {
    let mut from = 0.0;
    let mut phases = Vec::new();
    for ((times, seconds), cost) in PHASES.iter().zip(&report.phases) {
        let figures = report.between(from, from + seconds, &[]);
        phases.push(Phase { times: *times, seconds: *seconds, figures, cost: *cost });
        from += seconds;
    }
    let last = PHASES.last().map_or(0.0, |(_, seconds)| *seconds);
    let before = phases.first().and_then(|phase| phase.figures.accepted).map_or(0.0, |times| times.p99);
    let each = report.each_second(0.0, from, &[]);
    let recovery = recovery(&report.each_second(from - last, from, &[]), before * WELL_TIMES);
    Load { phases, recovery, each, most: 0, complaints: report.complaints }
}

/// Seconds until each second is well to the end.
fn recovery(seconds: &[Figures], p99: f64) -> Option<f64> {
    let is_well =
        |figures: &Figures| figures.success() >= WELL_SUCCESS && figures.accepted.is_some_and(|times| times.p99 <= p99);
    let well = seconds.iter().rev().take_while(|second| is_well(second)).count();
    let ill = seconds.len() - well;
    (well > 0).then(|| float(u64::try_from(ill).unwrap_or(u64::MAX)))
}

/// What is asked of the gateway.
pub(super) fn judge(load: &Load) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    // What waits when a phase ends is answered in the next one, and may make a phase better than the server is.
    let peak = load.phases.iter().map(Phase::goodput).fold(0.0, f64::max).min(CAPACITY);
    for (times, part) in GOODPUT {
        for phase in load.phases.iter().filter(|phase| phase.times == *times) {
            let kept = phase.goodput() >= peak * part;
            let text = format!(
                "goodput at {times} times {:.0}/s of a peak of {peak:.0}/s, at least {:.0} %",
                phase.goodput(),
                part * 100.0
            );
            verdicts.push(Verdict { kept, text });
            let p99 = phase.figures.refused.map_or(f64::INFINITY, |times| times.p99);
            let text = format!("refusals' p99 at {times} times {p99:.1} ms, at most {REFUSAL} ms");
            verdicts.push(Verdict { kept: p99 <= REFUSAL, text });
        }
    }
    let recovered = load.recovery.map_or_else(|| "never".to_owned(), |seconds| format!("after {seconds:.0} s"));
    verdicts.push(Verdict {
        kept: load.recovery.is_some_and(|seconds| seconds <= RECOVERY),
        text: format!("well again {recovered}, at most {RECOVERY:.0} s"),
    });
    for phase in &load.phases {
        if phase.proxy() > OWN {
            let text = format!("void: at {} times it used {:.0} % of its core", phase.times, phase.proxy() * 100.0);
            verdicts.push(Verdict { kept: false, text });
        }
        verdicts.extend(void(&phase.cost));
    }
    verdicts
}
