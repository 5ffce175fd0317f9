//! `cargo xtask fuzz`: builds the fuzz targets on the stable compiler and runs them on copies of their corpora.
//!
//! `fuzz/` is a package outside the workspace: its coverage flags must not reach the other builds.

mod ledger;
mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use anyhow::{Context, Result, bail};

pub(super) use self::ledger::{add, grouped};
pub(super) use self::report::Report;
use super::Command;
use crate::peers::debian;
use crate::stopwatch::Stopwatch;
use crate::{process, say};

pub(crate) const COMMAND: Command = Command {
    name: "fuzz",
    usage: "[TARGET] [--seconds N] [--record]",
    summary: "run the fuzz targets, N seconds each (default 30); --record adds the runs up in docs/fuzzing.md",
    run: |root, arguments| run(root, &Options::parse(arguments)?),
};

/// What libFuzzer needs the compiler to put into the code, all of it available on stable.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg=fuzzing",
    "-Ccodegen-units=1",
    "-Cdebug-assertions",
];

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// One target, or all.
    pub(super) target: Option<String>,
    /// For each target.
    pub(super) seconds: u32,
    /// Whether the runs are added up in the documentation.
    pub(super) record: bool,
}

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self { target: None, seconds: 30, record: false };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--seconds" => {
                    let value = rest.next().context("`--seconds` wants a number after it")?;
                    options.seconds = value.parse().with_context(|| format!("`{value}` is no number of seconds"))?;
                }
                "--record" => options.record = true,
                unknown if unknown.starts_with('-') => bail!("`cargo xtask fuzz` does not know `{unknown}`"),
                target if options.target.is_none() => options.target = Some(target.to_owned()),
                second => bail!("one target at a time, or none for all; `{second}` is a second one"),
            }
        }
        if options.seconds == 0 {
            bail!("`--seconds 0` would fuzz for ever");
        }
        Ok(options)
    }
}

fn run(root: &Path, options: &Options) -> Result<()> {
    let targets = targets(root, options.target.as_deref())?;
    debian::ensure(&[debian::CXX])?;
    let binaries = build(root)?;
    let mut crashed = 0_usize;
    for (number, target) in (1..).zip(&targets) {
        say::line(format_args!("{target}: target {number} of {}, {} seconds", targets.len(), options.seconds));
        let watch = Stopwatch::start();
        let report = fuzz(root, &binaries, target, options.seconds)?;
        say::line(format_args!("{target}: {report}, {}", watch.elapsed()));
        if options.record {
            let page = root.join(ledger::PAGE);
            let text = fs::read_to_string(&page).context("cannot read docs/fuzzing.md")?;
            fs::write(&page, add(&text, target, watch.elapsed().0.as_secs(), &report)?)?;
        }
        crashed += usize::from(report.crashed);
    }
    if crashed > 0 {
        bail!("{crashed} of {} targets crashed; the inputs are in fuzz/artifacts/", targets.len());
    }
    Ok(())
}

/// The targets by the names of their files.
fn targets(root: &Path, only: Option<&str>) -> Result<Vec<String>> {
    let folder = root.join("fuzz/targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).context("cannot list fuzz/targets")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs")
            && let Some(stem) = path.file_stem()
        {
            names.push(stem.to_string_lossy().into_owned());
        }
    }
    names.sort();
    let Some(only) = only else { return Ok(names) };
    if !names.iter().any(|name| name == only) {
        bail!("there is no fuzz target `{only}`; there are: {}", names.join(", "));
    }
    Ok(vec![only.to_owned()])
}

/// Builds all targets and returns the folder they are in.
///
/// Naming the host as `--target` keeps the coverage flags off build scripts, which do not link with them.
fn build(root: &Path) -> Result<PathBuf> {
    let about = process::output(Process::new("rustc").arg("-vV"))?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).context("`rustc -vV` names no host")?;
    let mut cargo = process::cargo(root);
    cargo.args(["build", "--release", "--bins", "--manifest-path", "fuzz/Cargo.toml", "--target", host]);
    cargo.args(["--target-dir", "fuzz/target"]).env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"));
    process::run(&mut cargo)?;
    Ok(root.join("fuzz/target").join(host).join("release"))
}

/// Runs one target. What it finds goes into a copy of the corpus, from which the next run goes on: the checkout only
/// grows by a person's decision.
fn fuzz(root: &Path, binaries: &Path, target: &str, seconds: u32) -> Result<Report> {
    let corpus = root.join("fuzz/target/corpus").join(target);
    let artifacts = root.join("fuzz/artifacts").join(target);
    fs::create_dir_all(&corpus).context("cannot make the corpus' copy")?;
    fs::create_dir_all(&artifacts).context("cannot make the folder for crashing inputs")?;
    for entry in fs::read_dir(root.join("fuzz/corpus").join(target)).with_context(|| format!("{target}: no corpus"))? {
        let entry = entry?;
        fs::copy(entry.path(), corpus.join(entry.file_name())).context("cannot copy the corpus")?;
    }
    let mut process = Process::new(binaries.join(target));
    process.arg(&corpus).arg(format!("-max_total_time={seconds}"));
    process.arg(format!("-artifact_prefix={}/", artifacts.display()));
    process.args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]);
    let done = process.stdin(Stdio::null()).output().with_context(|| format!("cannot start {target}"))?;
    let log = String::from_utf8_lossy(&done.stderr);
    let report = Report::read(&log, !done.status.success());
    if report.crashed {
        say::complain(log.trim_end());
    }
    Ok(report)
}
