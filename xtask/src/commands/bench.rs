//! `cargo xtask bench`: what a request through the gateway costs, beside nginx, HAProxy, a bare proxy and none at all, on
//! the same work in the same rounds. docs/benchmarks/README.md says how it is measured and how to read it.

mod cell;
mod figures;
pub(super) mod machine;
mod open;
mod options;
mod page;
pub(super) mod process;
mod proxies;
pub(super) mod table;
mod verdict;
mod window;
mod workload;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use self::cell::Cell;
use self::machine::Machine;
use self::options::Options;
use self::page::Circumstances;
use self::proxies::Programs;
use super::Command;
use crate::peers::{Mode, proxies as peers};
use crate::stopwatch::Stopwatch;
use crate::{process as programs, say};

pub(crate) const COMMAND: Command = Command {
    name: "bench",
    usage: "[--quick] [--workloads A,B] [--open] [--out FILE] ...",
    summary: "the gateway beside nginx, HAProxy and a bare proxy; every option: docs/benchmarks/README.md",
    run: |root, arguments| run(root, arguments, &Options::parse(arguments)?),
};

fn run(root: &Path, arguments: &[String], options: &Options) -> Result<()> {
    let watch = Stopwatch::start();
    let peers = peers::ready(Mode::Prepare)?;
    programs::run_aside(programs::cargo(root).args([
        "build",
        "--release",
        "-p",
        "sluicegate",
        "-p",
        "sluicegate-bench",
    ]))?;
    let programs = Programs::new(root, &peers, options)?;
    let machine = Machine::look(root, &programs)?;
    let work = root.join("target/bench");
    fs::create_dir_all(&work).context("cannot make target/bench")?;

    let mut page = page::head(arguments, options, &machine);
    let mut wrong = false;
    for workload in &options.workloads {
        let before = machine::load();
        let (cells, class) = workload::measure(&programs, options, *workload, &work)?;
        let first = options.gateways.first().filter(|_| options.gateways.len() > 1);
        let first = first.map(|gateway| gateway.name.clone());
        let around = Circumstances { before, during: machine::load(), class, first };
        page.push_str(&page::section(*workload, &cells, &around));
    }
    if options.open {
        let before = machine::load();
        let rows = open::measure(&programs, options, &work)?;
        wrong |= rows.iter().flat_map(|row| &row.cells).any(Cell::has_errors);
        page.push_str(&page::open(&rows, &before, &machine::load()));
    }
    say::line(&page);
    if let Some(out) = &options.out {
        fs::write(root.join(out), &page).with_context(|| format!("cannot write {}", out.display()))?;
        say::progress(format_args!("wrote {}", out.display()));
    }
    say::progress(format_args!("measured in {}", watch.elapsed()));
    ensure!(!wrong, "answers were missing or wrong; the report says which, under `Void`");
    Ok(())
}

#[cfg(test)]
mod tests;
