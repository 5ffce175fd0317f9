//! `sluicegate completions`: a shell's completion script.

use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::cli::{Cli, Completions};

pub(crate) fn run(options: &Completions) -> anyhow::Result<ExitCode> {
    clap_complete::generate(options.shell, &mut Cli::command(), "sluicegate", &mut std::io::stdout());
    Ok(ExitCode::SUCCESS)
}
