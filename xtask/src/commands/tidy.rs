//! `cargo xtask tidy`: the rooms' walls, the budgets and the habits, as checks.

use std::path::Path;

use anyhow::{Result, bail};

use super::{Command, no_arguments};
use crate::say;
use crate::stopwatch::Stopwatch;
use crate::tidy::{self, Facts, Level};

pub(crate) const COMMAND: Command = Command {
    name: "tidy",
    usage: "",
    summary: "check walls, budgets, habits, licences, sources, links",
    run: |root, arguments| {
        no_arguments("tidy", arguments)?;
        run(root)
    },
};

/// Prints every finding; fails if one of them is more than a warning.
pub(crate) fn run(root: &Path) -> Result<()> {
    let watch = Stopwatch::start();
    let findings = tidy::check(&Facts::gather(root)?);
    for finding in &findings {
        say::complain(finding);
    }
    let failures = findings.iter().filter(|finding| finding.level == Level::Fail).count();
    let warnings = findings.len() - failures;
    let elapsed = watch.elapsed();
    say::line(format_args!("tidy: {failures} failures, {warnings} warnings in {elapsed}"));
    if failures > 0 {
        bail!("the tree is not tidy; each line above says what to do");
    }
    Ok(())
}
