//! Whether a proxy kept what is asked of it.

use super::answers::{Cost, Figures, float};
use super::run::Measured;
use super::scenario::Scenario;

/// What is asked. Of everybody, and without being named: no client ever gets another's answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bound {
    /// At least this part of all requests, those at the onset too.
    Success(f64),
    /// At most so many requests fail.
    Failures(u64),
    /// At most so many requests reach the bad server before it gets none for half a second.
    Quiet(u64),
    /// The servers get at most so many requests for each that was sent.
    Amplification(f64),
    /// p99 behind the onset is at most so many times that before.
    P99Times(f64),
    /// The same from five seconds behind the onset on.
    LateP99Times(f64),
    /// p99.9 is at most so many seconds above that before.
    P999Added(f64),
}

/// One bound, kept or not.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::commands) struct Verdict {
    pub(in crate::commands) kept: bool,
    /// What was found, and what was asked.
    pub(in crate::commands) text: String,
}

/// Of the core that clients and servers share; beyond it, times are their own and not the proxy's.
pub(super) const BUSY: f64 = 0.85;
/// Cores that other processes may take.
const OTHERS: f64 = 0.15;

impl Bound {
    /// Whether it says something about time, which a machine that does other things as well cannot be asked.
    const fn is_of_time(self) -> bool {
        matches!(self, Self::P99Times(_) | Self::LateP99Times(_) | Self::P999Added(_))
    }

    fn judge(self, measured: &Measured) -> Verdict {
        let (calm, after, late) = (&measured.calm, &measured.after, &measured.late);
        let p99 = |figures: &Figures| figures.accepted.map_or(f64::INFINITY, |times| times.p99);
        let p999 = |figures: &Figures| figures.accepted.map_or(f64::INFINITY, |times| times.p999);
        match self {
            Self::Success(part) => Verdict {
                kept: after.success() >= part,
                text: format!(
                    "{} of {} failed, at least {} % are to succeed",
                    after.failures(),
                    after.sent,
                    percent(part)
                ),
            },
            Self::Failures(most) => Verdict {
                kept: after.failures() <= most,
                text: format!("{} of {} failed, at most {most} may", after.failures(), after.sent),
            },
            Self::Quiet(most) => Verdict {
                kept: measured.until_quiet.is_some_and(|count| count <= most),
                text: match measured.until_quiet {
                    Some(count) => format!("{count} requests until the bad server got no more, at most {most} may"),
                    None => "the bad server got requests to the end".to_owned(),
                },
            },
            Self::Amplification(most) => Verdict {
                kept: measured.amplification <= most,
                text: format!("{:.3} requests at the servers for each, at most {most}", measured.amplification),
            },
            Self::P99Times(most) => times("p99", p99(after), p99(calm), most),
            Self::LateP99Times(most) => times("p99 after 5 s", p99(late), p99(calm), most),
            Self::P999Added(most) => Verdict {
                kept: p999(after) - p999(calm) <= most * 1000.0,
                text: format!("p99.9 {:.0} ms, before {:.0} ms, at most {most} s more", p999(after), p999(calm)),
            },
        }
    }
}

fn times(what: &str, now: f64, before: f64, most: f64) -> Verdict {
    Verdict {
        kept: now <= before * most,
        text: format!("{what} {now:.0} ms, before {before:.0} ms, at most {most} times"),
    }
}

/// All bounds of a scenario. `quick` says nothing about time.
pub(super) fn judge(scenario: &Scenario, measured: &Measured, quick: bool) -> Vec<Verdict> {
    let asked = scenario.bounds.iter().filter(|bound| !(quick && bound.is_of_time()));
    let mut verdicts: Vec<Verdict> = asked.map(|bound| bound.judge(measured)).collect();
    let wrong = measured.calm.wrong() + measured.after.wrong();
    if wrong > 0 {
        verdicts.push(Verdict { kept: false, text: format!("{wrong} answers of another request, none may be") });
    }
    if !measured.calm_is_well() {
        let (failed, sent) = (measured.calm.failures(), measured.calm.sent);
        verdicts.push(Verdict { kept: false, text: format!("{failed} of {sent} failed before anything was wrong") });
    }
    if !quick {
        verdicts.extend(void(&measured.cost));
    }
    verdicts
}

/// Why the machine measured something else.
pub(in crate::commands) fn void(cost: &Cost) -> Option<Verdict> {
    let shared = cost.cores(cost.own_ns);
    let others = cost.cores(cost.others_ns);
    let text = if shared > BUSY {
        format!("void: clients and servers used {:.0} % of their core", shared * 100.0)
    } else if others > OTHERS {
        format!("void: other processes took {others:.2} of a core")
    } else {
        return None;
    };
    Some(Verdict { kept: false, text })
}

/// What was not kept.
pub(in crate::commands) fn missed(verdicts: &[Verdict]) -> impl Iterator<Item = &str> {
    verdicts.iter().filter(|verdict| !verdict.kept).map(|verdict| verdict.text.as_str())
}

/// With as many digits as it has.
fn percent(part: f64) -> String {
    format!("{:.2}", part * 100.0)
}

/// Requests at the servers for each that was sent.
pub(super) fn amplification(begun: u64, sent: u64) -> f64 {
    float(begun) / float(sent.max(1))
}
