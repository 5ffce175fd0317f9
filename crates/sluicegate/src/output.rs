//! What commands print: tables for people, JSON and YAML for programs, complaints on standard error.

use std::io::{IsTerminal as _, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::cli::Form;

/// Prints `value` as asked; `table` draws it for people.
///
/// # Errors
/// Standard output is closed, or the value cannot be written in that form.
pub(crate) fn print<T: Serialize>(form: Form, value: &T, table: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
    let text = match form {
        Form::Table => table(value),
        Form::Json => serde_json::to_string_pretty(value)?,
        Form::Yaml => serde_saphyr::to_string(value)?,
    };
    line(text.trim_end())
}

/// Prints a line to standard output.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn line(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(())
}

/// Tells people something on standard error; nobody being there to read it is no failure.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Tells what went wrong, with its causes.
pub(crate) fn complain(error: &anyhow::Error) {
    let label = if std::io::stderr().is_terminal() { "\u{1b}[31merror\u{1b}[0m" } else { "error" };
    tell(&format!("{label}: {error:#}"));
}

/// Draws rows below a heading.
pub(crate) fn table<const N: usize>(heading: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(heading);
    for row in rows {
        table.add_row(row);
    }
    table.trim_fmt()
}
