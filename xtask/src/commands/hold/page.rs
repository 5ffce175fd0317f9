//! The report of a part.

use std::process::Command;

use super::field::Programs;
use super::options::Options;
use super::part::Found;
use crate::commands::bench::machine::{first_line, load, processor};
use crate::commands::bench::table::Table;
use crate::commands::faults::page::bounds;

/// How it came about.
pub(super) fn head(arguments: &[String], options: &Options, programs: &Programs) -> String {
    let typed: String = arguments.iter().map(|argument| format!(" {argument}")).collect();
    let date = first_line(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let commit = match options.gateway {
        None => format!(" at {}", first_line(Command::new("git").args(["describe", "--always", "--dirty"]))),
        Some(_) => String::new(),
    };
    format!(
        "Made by `cargo xtask hold{typed}` on {date}, {}, {cores} cores, load average {}: {}{commit}.\n",
        processor(),
        load(),
        first_line(Command::new(&programs.gateway).arg("--version"))
    )
}

/// What was found.
pub(super) fn body(found: &Found) -> String {
    let mut table = Table::new(found.columns);
    for row in &found.rows {
        table.row(row);
    }
    let notes: String = found.notes.iter().map(|note| format!("- {note}\n")).collect();
    // Those of the fault matrix stand below a point of a list.
    let bounds = bounds(&found.verdicts).replace("  - ", "- ");
    format!("\n{}\n{notes}{bounds}", table.text())
}
