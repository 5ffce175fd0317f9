//! `sluicegate check`: every mistake of a configuration, with its line.

use std::process::ExitCode;

use serde::Serialize;
use sluicegate_config::Resolved;
use sluicegate_core::{Clock as _, Mistake};

use crate::cli::Check;
use crate::gateway::doors::{self, Doors};
use crate::output;
use crate::seams::SystemClock;
use crate::sources::{Loader, Origin};

#[derive(Serialize)]
struct Report {
    ok: bool,
    mistakes: Vec<Row>,
    warnings: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    file: String,
    line: u32,
    column: u32,
    message: String,
    help: Option<String>,
}

/// Exit code 0: good, warnings aside; 1: at least one mistake.
pub(crate) fn run(options: &Check) -> anyhow::Result<ExitCode> {
    let loaded = Loader::new(Origin::File(options.config.clone())).load();
    let (mistakes, warnings) = match loaded.and_then(|resolved| certificates(&resolved)) {
        Ok(warnings) => (Vec::new(), warnings),
        Err(mistakes) => (mistakes, Vec::new()),
    };
    let ok = mistakes.is_empty();
    let report = Report { ok, mistakes: rows(&mistakes), warnings: rows(&warnings) };
    let path = options.config.display();
    output::print(options.output.output, &report, |report| {
        let mut text = String::new();
        for (label, mistake) in
            mistakes.iter().map(|mistake| ("", mistake)).chain(warnings.iter().map(|warning| ("warning: ", warning)))
        {
            text.push_str(&describe(label, mistake));
        }
        match report.mistakes.len() {
            0 => text.push_str(&format!("{path}: good")),
            1 => text.push_str(&format!("{path}: 1 mistake")),
            count => text.push_str(&format!("{path}: {count} mistakes")),
        }
        text
    })?;
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a start would say of the certificates, and all warnings.
fn certificates(resolved: &Resolved) -> Result<Vec<Mistake>, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let mut warnings = resolved.warnings.clone();
    match Doors::open(resolved, &Doors::default(), SystemClock.wall()) {
        Ok(doors) => warnings.extend(doors.warnings),
        Err(wrong) => mistakes.extend(wrong),
    }
    if let Err(wrong) = doors::check_backends(resolved) {
        mistakes.extend(wrong);
    }
    mistakes.sort_by(|left: &Mistake, right| left.span.cmp(&right.span));
    if mistakes.is_empty() { Ok(warnings) } else { Err(mistakes) }
}

fn describe(label: &str, mistake: &Mistake) -> String {
    let help = mistake.help.as_ref().map_or_else(String::new, |help| format!("    {help}\n"));
    format!("{}: {label}{}\n{help}", mistake.span, mistake.message)
}

fn rows(mistakes: &[Mistake]) -> Vec<Row> {
    let row = |mistake: &Mistake| Row {
        file: mistake.span.file.to_string(),
        line: mistake.span.line,
        column: mistake.span.column,
        message: mistake.message.clone(),
        help: mistake.help.clone(),
    };
    mistakes.iter().map(row).collect()
}
