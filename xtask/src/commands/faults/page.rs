//! The report.

use std::process::Command;

use anyhow::{Context, Result};

use super::answers::{Figures, Quantiles, float, named};
use super::field::{Programs, Proxy};
use super::judge::{Verdict, missed};
use super::options::Options;
use super::overload::{CAPACITY, Load, PATIENCE};
use super::run::Measured;
use super::scenario::Scenario;
use crate::commands::bench::machine::{first_line, load, processor};

/// One scenario through one proxy.
pub(super) struct Row {
    pub(super) scenario: &'static Scenario,
    pub(super) proxy: Proxy,
    pub(super) measured: Measured,
    pub(super) verdicts: Vec<Verdict>,
}

/// Too much load through one proxy.
pub(super) struct Overload {
    pub(super) proxy: Proxy,
    pub(super) load: Load,
    pub(super) verdicts: Vec<Verdict>,
}

impl Row {
    /// What the gateway did not keep; nothing is asked of the others.
    pub(super) fn missed(&self) -> Vec<String> {
        let asked = if self.proxy == Proxy::Gateway { &self.verdicts[..] } else { &[] };
        missed(asked).map(|missed| format!("{}: {missed}", self.scenario.name)).collect()
    }
}

/// How it came about.
pub(super) fn head(arguments: &[String], options: &Options, programs: &Programs) -> String {
    let typed: String = arguments.iter().map(|argument| format!(" {argument}")).collect();
    let date = first_line(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let commit = match options.gateway {
        None => format!(" at {}", first_line(Command::new("git").args(["describe", "--always", "--dirty"]))),
        Some(_) => String::new(),
    };
    let mut text = format!(
        "Made by `cargo xtask faults{typed}` on {date}, {}, {cores} cores, load average {}: {}{commit}",
        processor(),
        load(),
        first_line(Command::new(&programs.gateway).arg("--version"))
    );
    for proxy in &options.proxies {
        match proxy {
            Proxy::Gateway => {}
            Proxy::Haproxy => text += &format!(", {}", first_line(Command::new(&programs.haproxy).arg("-v"))),
            Proxy::Nginx => text += &format!(", {}", first_line(Command::new(&programs.nginx).arg("-v"))),
        }
    }
    text + ".\n"
}

/// The fault matrix.
pub(super) fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut text =
        "\n| fault | through | requests | success % | failed, and how | p50 ms | p99 ms | p99.9 ms | p99 before | \
                    until quiet | amplification | bounds |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
    for row in rows {
        text.push_str(&line(row));
        text.push('\n');
    }
    text
}

/// One row of it.
pub(super) fn line(row: &Row) -> String {
    let Measured { calm, after, until_quiet, amplification, .. } = &row.measured;
    let [p50, p99, p999] = times(after.accepted);
    let [_, before, _] = times(calm.accepted);
    let quiet = match (row.scenario.bad, until_quiet) {
        (None, _) => "-".to_owned(),
        (Some(_), None) => "never".to_owned(),
        (Some(_), Some(count)) => count.to_string(),
    };
    let verdict = if row.proxy == Proxy::Gateway { verdict(&row.verdicts) } else { "-" };
    let cells = [
        row.scenario.name.to_owned(),
        row.proxy.name().to_owned(),
        after.sent.to_string(),
        percent(after),
        ends(after),
        p50,
        p99,
        p999,
        before,
        quiet,
        format!("{amplification:.3}"),
        verdict.to_owned(),
    ];
    format!("| {} |", cells.join(" | "))
}

/// What was done to the servers, and every bound.
pub(super) fn details(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut told: Option<&Scenario> = None;
    for row in rows {
        if told.is_none_or(|told| told.name != row.scenario.name) {
            told = Some(row.scenario);
            text.push_str(&format!("- **{}** (`{}`): {}\n", row.scenario.name, row.scenario.script, row.scenario.what));
        }
        if row.proxy == Proxy::Gateway {
            text.push_str(&bounds(&row.verdicts));
            text.push_str(&timeline("failed", &row.measured.seconds, |second| second.failures().to_string()));
            text.push_str(&timeline("p99 ms", &row.measured.seconds, p99));
            let (left, peak) = (row.measured.cancelled, float(row.measured.cost.peak_kib) * 1.024 / 1000.0);
            text.push_str(&format!("  - the servers saw {left} callers leave; at most {peak:.0} MB were resident\n"));
            for complaint in row.measured.complaints.iter().take(2) {
                text.push_str(&format!("  - a client saw: {complaint}\n"));
            }
        }
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

/// Too much load.
pub(super) fn overload(rows: &[Overload]) -> String {
    let mut text = format!(
        "\nOverload: one server that can answer {CAPACITY:.0} a second; an answer after {PATIENCE} ms is none.\n\n\
         | through | load | requests | good/s | success % | failed, and how | accepted p50 ms | p99 ms | refused p99 ms | core |\n\
         |---|---|---|---|---|---|---|---|---|---|\n"
    );
    for row in rows {
        for phase in &row.load.phases {
            let [p50, p99, _] = times(phase.figures.accepted);
            let [_, refused, _] = times(phase.figures.refused);
            let cells = [
                row.proxy.name().to_owned(),
                format!("{}x", phase.times),
                phase.figures.sent.to_string(),
                format!("{:.0}", phase.goodput()),
                percent(&phase.figures),
                ends(&phase.figures),
                p50,
                p99,
                refused,
                format!("{:.0} %", phase.proxy() * 100.0),
            ];
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
    }
    text.push('\n');
    for row in rows {
        let recovery = row.load.recovery.map_or_else(|| "never".to_owned(), |seconds| format!("after {seconds:.0} s"));
        let (name, most) = (row.proxy.name(), row.load.most);
        text.push_str(&format!("- {name}: well again {recovery}; at most {most} requests at the server at once\n"));
        if row.proxy == Proxy::Gateway {
            text.push_str(&bounds(&row.verdicts));
            text.push_str(&timeline("good", &row.load.each, |second| second.good.to_string()));
            text.push_str(&timeline("p99 ms", &row.load.each, p99));
        }
    }
    text
}

/// In a line, while it runs.
pub(super) fn overload_line(row: &Overload) -> String {
    let goodput: Vec<String> = row
        .load
        .phases
        .iter()
        .map(|phase| format!("{}x {:.0}/s ({})", phase.times, phase.goodput(), ends(&phase.figures)))
        .collect();
    format!("overload {}: {}; {}", row.proxy.name(), goodput.join(", "), row.load.complaints.join("; "))
}

/// The page with the report in its place, which is between two lines that name the command.
pub(in crate::commands) fn put_into(page: &str, command: &str, report: &str) -> Result<String> {
    let [begin, end] = ["begin", "end"].map(|which| format!("<!-- cargo xtask {command}: {which} -->\n"));
    let (before, rest) = page.split_once(&begin).with_context(|| format!("no line `{}`", begin.trim()))?;
    let (_, after) = rest.split_once(&end).with_context(|| format!("no line `{}`", end.trim()))?;
    Ok(format!("{before}{begin}\n{}\n\n{end}{after}", report.trim()))
}

/// A figure of each second, so that one can see when it began and ended.
fn timeline(what: &str, seconds: &[Figures], figure: impl Fn(&Figures) -> String) -> String {
    let figures: Vec<String> = seconds.iter().map(figure).collect();
    format!("  - {what}, second by second: {}\n", figures.join(" "))
}

fn p99(figures: &Figures) -> String {
    figures.accepted.map_or_else(|| "-".to_owned(), |times| format!("{:.0}", times.p99))
}

pub(in crate::commands) fn bounds(verdicts: &[Verdict]) -> String {
    let shown =
        |verdict: &Verdict| format!("  - {}: {}\n", if verdict.kept { "kept" } else { "**missed**" }, verdict.text);
    verdicts.iter().map(shown).collect()
}

fn verdict(verdicts: &[Verdict]) -> &'static str {
    if missed(verdicts).next().is_none() { "kept" } else { "**missed**" }
}

/// Never rounded up to a hundred.
fn percent(figures: &Figures) -> String {
    if figures.failures() == 0 {
        return "100".to_owned();
    }
    format!("{:.3}", (figures.success() * 1e5).floor() / 1e3)
}

/// `0` or how many and by what.
pub(in crate::commands) fn ends(figures: &Figures) -> String {
    let by: Vec<String> = figures.bad.iter().map(|(code, count)| format!("{count} {}", named(*code))).collect();
    if by.is_empty() { "0".to_owned() } else { by.join(", ") }
}

pub(in crate::commands) fn times(quantiles: Option<Quantiles>) -> [String; 3] {
    quantiles.map_or_else(
        || ["-", "-", "-"].map(str::to_owned),
        |times| [times.p50, times.p99, times.p999].map(|time| format!("{time:.1}")),
    )
}
