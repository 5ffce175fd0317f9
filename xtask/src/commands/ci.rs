//! `cargo xtask ci`: everything a change must pass, each step timed. One failing step does not hide the next.

use std::path::Path;

use anyhow::{Result, bail};

use super::{Command, faults, hold, instructions, no_arguments, readme, test, tidy};
use crate::stopwatch::{Seconds, Stopwatch};
use crate::{process, say};

pub(crate) const COMMAND: Command = Command {
    name: "ci",
    usage: "",
    summary: "format, clippy, tidy, the README as written, instructions, faults, hold, test: what a change must pass",
    run: |root, arguments| {
        no_arguments("ci", arguments)?;
        ci(root)
    },
};

/// A step by its name. The tests are last: their closing lines are what one looks for in the output.
type Step = (&'static str, fn(&Path) -> Result<()>);

const STEPS: &[Step] = &[
    ("fmt", fmt),
    ("clippy", clippy),
    ("tidy", tidy::run),
    ("readme", readme::run),
    ("instructions", instructions::check),
    ("faults", quick_faults),
    ("hold", quick_hold),
    ("test", tests),
];

fn ci(root: &Path) -> Result<()> {
    let mut rows: Vec<(&str, Seconds, Result<()>)> = Vec::new();
    for (number, (name, step)) in (1..).zip(STEPS) {
        say::progress(format_args!("==> {name} (step {number} of {})", STEPS.len()));
        let watch = Stopwatch::start();
        let result = step(root);
        if let Err(error) = &result {
            say::complain(format_args!("{name}: {error:#}"));
        }
        rows.push((name, watch.elapsed(), result));
    }
    for (name, elapsed, result) in &rows {
        let verdict = if result.is_ok() { "ok" } else { "FAILED" };
        say::line(format_args!("{name:<12} {elapsed:>10}  {verdict}"));
    }
    match rows.iter().filter(|(_, _, result)| result.is_err()).count() {
        0 => Ok(()),
        failed => bail!("{failed} of {} steps failed", rows.len()),
    }
}

fn fmt(root: &Path) -> Result<()> {
    process::run(process::cargo(root).args(["fmt", "--all", "--check"]))
}

fn clippy(root: &Path) -> Result<()> {
    // All features: what is built by one alone is checked too.
    let arguments = ["clippy", "--workspace", "--all-targets", "--all-features", "--quiet", "--", "-D", "warnings"];
    process::run(process::cargo(root).args(arguments))
}

fn quick_faults(root: &Path) -> Result<()> {
    (faults::COMMAND.run)(root, &["--quick".to_owned()])
}

fn quick_hold(root: &Path) -> Result<()> {
    (hold::COMMAND.run)(root, &["--quick".to_owned()])
}

fn tests(root: &Path) -> Result<()> {
    test::run(root, &test::Options::default())
}
