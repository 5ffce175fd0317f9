//! One scenario through one proxy.

use std::time::Duration;

use anyhow::{Context, Result};

use super::answers::{Cost, Figures, Report};
use super::field::{Field, Programs, Proxy};
use super::judge::{amplification, void};
use super::scenario::{CALM, CALM_QUICK, Scenario};
use super::script;
use crate::commands::bench::process::pause;
use crate::say;
use crate::stopwatch::Stopwatch;

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Measured {
    /// Before the onset, without the first connections.
    pub(super) calm: Figures,
    /// From the onset on, with those that were under way.
    pub(super) after: Figures,
    /// From five seconds behind the onset on.
    pub(super) late: Figures,
    /// Requests that the bad server got before it got no more for a while.
    pub(super) until_quiet: Option<u64>,
    pub(super) amplification: f64,
    /// Requests whose caller the servers saw leave.
    pub(super) cancelled: u64,
    pub(super) cost: Cost,
    pub(super) complaints: Vec<String>,
    /// Each second from the onset on.
    pub(super) seconds: Vec<Figures>,
}

/// Three servers of 20 places and 40 ms: 500 requests a second each.
const SERVERS: usize = 3;
/// Milliseconds a client waits; longer than any proxy does.
const PATIENCE: u64 = 3000;
/// How often a run is measured that the machine disturbed.
pub(super) const TRIES: usize = 3;
/// Seconds in which connections are made and nothing is counted.
const WARM: f64 = 0.5;
/// Requests that were due so many seconds before the onset may be under way when it comes: they are the fault's, too.
const UNDER_WAY: f64 = 0.2;
/// Seconds behind the onset after which things are to be in order.
const LATE: f64 = 5.0;

impl Measured {
    /// What goes wrong without a fault is not the fault's.
    pub(super) const fn calm_is_well(&self) -> bool {
        self.calm.failures() == 0
    }
}

/// The scenario, again while the machine did other things as well.
pub(super) fn measure(programs: &Programs, proxy: Proxy, scenario: &Scenario, quick: bool) -> Result<Measured> {
    for _ in 1..TRIES {
        let measured = once(programs, proxy, scenario, quick)?;
        match void(&measured.cost) {
            Some(void) if !quick => say::progress(format_args!("{} again: {}", scenario.name, void.text)),
            _ => return Ok(measured),
        }
    }
    once(programs, proxy, scenario, quick)
}

fn once(programs: &Programs, proxy: Proxy, scenario: &Scenario, quick: bool) -> Result<Measured> {
    let steps = script::parse(scenario.script).context("the script")?;
    let (calm, seconds) = match scenario.quick {
        Some(seconds) if quick => (CALM_QUICK, seconds),
        _ => (CALM, scenario.seconds),
    };
    let mut field = Field::start(programs, proxy, SERVERS)?;
    let phases = [(scenario.rate, calm + seconds)];
    let mut clients = field.clients(&phases, PATIENCE, scenario.padding)?;
    let watch = Stopwatch::start();
    for step in steps {
        let wanted = Duration::from_secs_f64(calm + step.after);
        pause(wanted.saturating_sub(watch.elapsed().0));
        field.servers.tell(&step.order)?;
    }
    // Now, for when all clients are done everybody is quiet.
    pause(Duration::from_secs_f64(calm + seconds).saturating_sub(watch.elapsed().0));
    let then = field.counts()?;
    let bad = scenario.bad.and_then(|bad| then.get(bad));
    let report: Report = serde_json::from_str(&clients.line()?).context("what the clients said")?;
    let counts = field.counts()?;
    let begun = counts.iter().map(|server| server.begun).sum();
    Ok(Measured {
        calm: report.between(WARM, calm - UNDER_WAY, &[]),
        after: report.between(calm - UNDER_WAY, f64::INFINITY, scenario.served),
        late: report.between(calm + LATE, f64::INFINITY, scenario.served),
        until_quiet: bad.and_then(|server| server.until_quiet),
        amplification: amplification(begun, u64::try_from(report.answers.len())?),
        cancelled: counts.iter().map(|server| server.cancelled).sum(),
        cost: report.phases.first().copied().unwrap_or_default(),
        seconds: report.each_second(calm, calm + seconds, scenario.served),
        complaints: report.complaints,
    })
}
