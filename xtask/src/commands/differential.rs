//! `cargo xtask differential`: a long run of generated HTTP/1 streams through a whole gateway, whose messages, as they are
//! handed on, the HTTP library and servers of other makes must read alike. The outcome goes into the page.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

use super::Command;
use super::fuzz::grouped;
use crate::peers::{self, Mode};
use crate::stopwatch::Stopwatch;
use crate::{process, say};

pub(crate) const COMMAND: Command = Command {
    name: "differential",
    usage: "[--cases N] [--seed N]",
    summary: "N streams (default 1,000,000) through the gateway to readers of many makes; writes the table in docs/edge.md",
    run: |root, arguments| run(root, &Options::parse(arguments)?),
};

const PAGE: &str = "docs/edge.md";

const HEAD: &str = "| reader | messages | read otherwise |\n|---|---|---|\n";

/// How much, and which.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) cases: u64,
    pub(super) seed: u64,
}

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self { cases: 1_000_000, seed: 0 };
        let mut rest = arguments.iter();
        while let Some(flag) = rest.next() {
            let value = match flag.as_str() {
                "--cases" => &mut options.cases,
                "--seed" => &mut options.seed,
                unknown => bail!("`cargo xtask differential` does not know `{unknown}`"),
            };
            let number = rest.next().with_context(|| format!("`{flag}` wants a number"))?;
            *value = number.parse().with_context(|| format!("`{number}` is no number"))?;
        }
        ensure!(options.cases > 0, "`--cases 0` would show nothing");
        Ok(options)
    }
}

fn run(root: &Path, options: &Options) -> Result<()> {
    let peers = peers::ready(root, Mode::Prepare)?;
    let mut cargo = process::cargo(root);
    cargo.args([
        "test",
        "--release",
        "--package",
        "sluicegate",
        "--test",
        "it",
        "h28_every_reader",
        "--",
        "--nocapture",
    ]);
    cargo.envs(peers.variables());
    cargo.env("SLUICEGATE_DIFFERENTIAL_CASES", options.cases.to_string());
    cargo.env("SLUICEGATE_DIFFERENTIAL_SEED", options.seed.to_string());
    // Progress and exceptions are told on standard error as they come; the figures come on standard output.
    cargo.stderr(Stdio::inherit());
    say::progress(format_args!("{} streams, seed {}", grouped(options.cases), options.seed));
    let watch = Stopwatch::start();
    let output = process::output(&mut cargo)?;
    let rows = rows(&output)?;
    let path = root.join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| format!("cannot read {PAGE}"))?;
    fs::write(&path, with_rows(&page, &rows)?)?;
    say::line(format_args!("{} streams, {}; wrote {PAGE}", grouped(options.cases), watch.elapsed()));
    Ok(())
}

/// The rows of the table that the test prints, with their figures in groups of three digits.
pub(super) fn rows(output: &str) -> Result<Vec<String>> {
    let mut rows = Vec::new();
    for line in output.lines() {
        // The harness begins a line with the test's name, and the test goes on in it.
        let Some((_, row)) = line.split_once("| ") else { continue };
        let cells: Vec<&str> = row.trim_end_matches(['|', ' ']).split('|').map(str::trim).collect();
        let [reader, messages, exceptions] = &cells[..] else { continue };
        let figure = |text: &str| text.parse().map(grouped).with_context(|| format!("`{text}` is no figure"));
        rows.push(format!("| {reader} | {} | {} |\n", figure(messages)?, figure(exceptions)?));
    }
    ensure!(!rows.is_empty(), "the test printed no figures");
    Ok(rows)
}

/// The page with `rows` in place of its table's.
pub(super) fn with_rows(page: &str, rows: &[String]) -> Result<String> {
    let (before, rest) = page.split_once(HEAD).with_context(|| format!("{PAGE} has no table `{HEAD}`"))?;
    let after: String = rest.split_inclusive('\n').skip_while(|line| line.starts_with('|')).collect();
    Ok(format!("{before}{HEAD}{}{after}", rows.concat()))
}
