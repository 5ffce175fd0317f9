//! `cargo xtask properties`: sends a great many messages every way through the protocols, in a release build, and writes
//! down how many arrived and how many were refused.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::Command;
use super::fuzz::grouped;
use crate::stopwatch::Stopwatch;
use crate::{process, say};

pub(crate) const COMMAND: Command = Command {
    name: "properties",
    usage: "[--cases N]",
    summary: "N messages (default 100,000) every way through the protocols; writes the table in docs/figures.md",
    run: |root, arguments| run(root, cases(arguments)?),
};

const PAGE: &str = "docs/figures.md";

const HEAD: &str = "| way | messages | the same | refused by the rule |";

/// How many messages are sent each way.
pub(super) fn cases(arguments: &[String]) -> Result<u32> {
    match arguments {
        [] => Ok(100_000),
        [flag, number] if flag == "--cases" => match number.parse() {
            Ok(cases) if cases > 0 => Ok(cases),
            _ => bail!("`{number}` is no number of messages"),
        },
        _ => bail!("`cargo xtask properties` takes nothing but `--cases N`"),
    }
}

fn run(root: &Path, cases: u32) -> Result<()> {
    let mut cargo = process::cargo(root);
    cargo.args(["test", "--release", "--package", "sluicegate-wire", "--test", "it", "go_every_way", "--"]);
    cargo.args(["--nocapture"]).env("PROPTEST_CASES", cases.to_string());
    say::line(format_args!("{} messages every way", grouped(cases.into())));
    let watch = Stopwatch::start();
    let output = process::output(&mut cargo)?;
    let rows = rows(&output)?;
    let total = u64::from(cases) * rows.len() as u64;
    let page = root.join(PAGE);
    let text = fs::read_to_string(&page).with_context(|| format!("cannot read {PAGE}"))?;
    fs::write(&page, with_table(&text, &rows)?)?;
    say::line(format_args!("{} in {} ways, {}; wrote {PAGE}", grouped(total), rows.len(), watch.elapsed()));
    Ok(())
}

/// The rows that the tests print, with their figures in groups of three digits; in order, for the tests run side by side.
pub(super) fn rows(output: &str) -> Result<Vec<String>> {
    let mut rows = Vec::new();
    for line in output.lines() {
        // The harness begins a line with a test's name, and the test goes on in it.
        let Some((_, row)) = line.split_once("| ") else { continue };
        let cells: Vec<&str> = row.trim_end_matches(['|', ' ']).split('|').map(str::trim).collect();
        let [way, figures @ ..] = &cells[..] else { continue };
        let figures: Vec<String> =
            figures.iter().map(|figure| figure.parse().map(grouped)).collect::<Result<_, _>>().context("a figure")?;
        rows.push(format!("| {way} | {} |", figures.join(" | ")));
    }
    rows.sort();
    ensure!(!rows.is_empty(), "the tests printed no figures");
    Ok(rows)
}

/// The page with `rows` in place of its table's.
pub(super) fn with_table(page: &str, rows: &[String]) -> Result<String> {
    let (before, rest) = page.split_once(HEAD).with_context(|| format!("{PAGE} has no table `{HEAD}`"))?;
    let after = rest.lines().skip(1).skip_while(|line| line.starts_with('|'));
    let mut written = format!("{before}{HEAD}\n|---|---|---|---|\n{}\n", rows.join("\n"));
    for line in after {
        written.push_str(line);
        written.push('\n');
    }
    Ok(written)
}
