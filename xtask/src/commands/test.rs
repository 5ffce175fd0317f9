//! `cargo xtask test`: prepares the real peers, then runs every test of the workspace.

use std::path::Path;

use anyhow::Result;

use super::Command;
use crate::peers::{self, Mode};
use crate::stopwatch::Stopwatch;
use crate::{process, say};

pub(crate) const COMMAND: Command = Command {
    name: "test",
    usage: "[--fast] [-- CARGO TEST ARGS]",
    summary: "prepare what the tests need, then run all of them",
    run: |root, arguments| run(root, &Options::parse(arguments)?),
};

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Use what an earlier run prepared; fail if something is missing. No test is left out.
    pub(crate) fast: bool,
    /// For `cargo test`, as they were written.
    pub(crate) passed_on: Vec<String>,
}

impl Options {
    /// Everything after `--` goes to `cargo test`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--fast" => options.fast = true,
                "--" => options.passed_on = rest.by_ref().cloned().collect(),
                unknown => anyhow::bail!(
                    "`cargo xtask test` does not know `{unknown}`; arguments for cargo test go after `--`"
                ),
            }
        }
        Ok(options)
    }

    /// What `cargo test` is called with: the whole workspace, unless packages were named.
    pub(crate) fn cargo_arguments(&self) -> Vec<&str> {
        let mut passed_on = self.passed_on.iter().take_while(|argument| *argument != "--");
        let chosen = passed_on.any(|argument| argument.starts_with("-p") || argument.starts_with("--package"));
        let scope: &[&str] = if chosen { &[] } else { &["--workspace"] };
        let fixed = ["test", "--no-fail-fast"].iter().chain(scope).copied();
        fixed.chain(self.passed_on.iter().map(String::as_str)).collect()
    }
}

/// Prepares and tests. The tests come last, so that cargo's own closing lines end the output.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let watch = Stopwatch::start();
    let mode = if options.fast { Mode::OnlyCheck } else { Mode::Prepare };
    let peers = peers::ready(root, mode)?;
    say::progress(format_args!("peers are ready after {}; now the tests", watch.elapsed()));
    let mut cargo = process::cargo(root);
    cargo.args(options.cargo_arguments()).envs(peers.variables());
    process::run(&mut cargo)
}
