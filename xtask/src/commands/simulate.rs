//! `cargo xtask simulate`: many seeds of the simulation of a gateway among servers and clients that misbehave, in a release
//! build; or one seed once more.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

use super::Command;
use super::fuzz::grouped;
use crate::stopwatch::Stopwatch;
use crate::{process, say};

pub(crate) const COMMAND: Command = Command {
    name: "simulate",
    usage: "[--seeds N] [--from N] [--seed N]",
    summary: "N seeds (default 1,000) of a gateway, servers and clients on a simulated network; docs/reliability.md",
    run: |root, arguments| run(root, &Options::parse(arguments)?),
};

/// Which seeds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) seeds: u64,
    pub(super) from: u64,
}

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self { seeds: 1000, from: 1 };
        let mut rest = arguments.iter();
        while let Some(flag) = rest.next() {
            ensure!(
                matches!(flag.as_str(), "--seeds" | "--from" | "--seed"),
                "`cargo xtask simulate` does not know `{flag}`"
            );
            let text = rest.next().with_context(|| format!("`{flag}` wants a number"))?;
            let number = text.parse().with_context(|| format!("`{text}` is no number"))?;
            match flag.as_str() {
                "--seeds" => options.seeds = number,
                "--from" => options.from = number,
                _ => options = Self { seeds: 1, from: number },
            }
        }
        ensure!(options.seeds > 0, "`--seeds 0` would show nothing");
        Ok(options)
    }
}

fn run(root: &Path, options: &Options) -> Result<()> {
    let mut cargo = process::cargo(root);
    cargo.args(["test", "--release", "--package", "sluicegate", "--test", "it"]);
    cargo.args(["simulation::whatever_happens", "--", "--nocapture"]);
    cargo.env("SLUICEGATE_SIMULATION_SEEDS", options.seeds.to_string());
    cargo.env("SLUICEGATE_SIMULATION_FROM", options.from.to_string());
    // Progress and faults are told on standard error as they come; the figures come on standard output.
    cargo.stderr(Stdio::inherit());
    let last = options.from.saturating_add(options.seeds - 1);
    say::progress(format_args!("{} seeds, {} to {last}", grouped(options.seeds), options.from));
    let watch = Stopwatch::start();
    let output = process::output(&mut cargo)?;
    let mut rows = 0;
    for row in rows_of(&output) {
        say::line(row);
        rows += 1;
    }
    if rows == 0 {
        bail!("the test printed no figures");
    }
    say::line(format_args!("{} seeds, {}", grouped(options.seeds), watch.elapsed()));
    Ok(())
}

/// The rows of the table that the test prints.
pub(super) fn rows_of(output: &str) -> impl Iterator<Item = String> {
    // The harness begins a line with the test's name, and the test goes on in it.
    output.lines().filter_map(|line| line.split_once("| ").map(|(_, row)| format!("| {row}")))
}
