//! `sluicegate check`: every mistake of a configuration, with its line.

use std::process::ExitCode;

use serde::Serialize;
use sluicegate_core::Mistake;

use crate::cli::Check;
use crate::output;
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
    let (mistakes, warnings) = match Loader::new(Origin::File(options.config.clone())).load() {
        Ok(resolved) => (Vec::new(), resolved.warnings),
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
