//! The repository's own commands: `cargo xtask help` lists them.
//!
//! Builds, tests and checks the project from outside. It must not import any room: a broken room must not keep the
//! tool that would say so from building.

mod commands;
mod peers;
mod process;
mod say;
mod stopwatch;
mod tidy;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match repository().and_then(|root| commands::dispatch(&root, &arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::complain(format_args!("xtask: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The checkout this binary was built from.
fn repository() -> Result<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = own.parent().context("xtask's manifest has no folder above it")?;
    root.canonicalize().with_context(|| format!("{} is gone; build xtask again with cargo", root.display()))
}
