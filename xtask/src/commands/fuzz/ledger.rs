//! What all runs of the fuzz targets came to: the table in `docs/fuzzing.md`, to which a run is added.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};

use super::Report;

/// The page, from the repository's root.
pub(super) const PAGE: &str = "docs/fuzzing.md";

const HEAD: &str = "| target | time | executions | coverage |";

/// A row's figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Row {
    target: String,
    seconds: u64,
    executions: u64,
    coverage: u64,
}

/// The page with one run added to its target's row; a target without a row gets one.
///
/// # Errors
/// The page has no table, or a row of it does not read.
pub(crate) fn add(page: &str, target: &str, seconds: u64, report: &Report) -> Result<String> {
    let (before, rest) = page.split_once(HEAD).with_context(|| format!("{PAGE} has no table `{HEAD}`"))?;
    let rest = rest.strip_prefix('\n').unwrap_or(rest);
    let (table, after): (Vec<&str>, Vec<&str>) = {
        let lines: Vec<&str> = rest.split_inclusive('\n').collect();
        let end = lines.iter().position(|line| !line.starts_with('|')).unwrap_or(lines.len());
        let (table, after) = lines.split_at(end);
        (table.to_vec(), after.to_vec())
    };
    let mut rows: Vec<Row> = table.iter().skip(1).map(|line| read(line)).collect::<Result<_>>()?;
    let at = match rows.binary_search_by(|row| row.target.as_str().cmp(target)) {
        Ok(at) => at,
        Err(at) => {
            rows.insert(at, Row { target: target.to_owned(), ..Row::default() });
            at
        }
    };
    let row = rows.get_mut(at).context("a row that was just put in")?;
    row.seconds += seconds;
    row.executions += report.executions.unwrap_or(0);
    row.coverage = report.coverage.unwrap_or(row.coverage);
    let mut written = format!("{before}{HEAD}\n|---|---|---|---|\n");
    for Row { target, seconds, executions, coverage } in &rows {
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let executions = grouped(*executions);
        writeln!(written, "| {target} | {hours}:{minutes:02}:{seconds:02} | {executions} | {coverage} |")?;
    }
    written.extend(after);
    Ok(written)
}

fn read(line: &str) -> Result<Row> {
    let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
    let [target, time, executions, coverage] = cells[..] else { bail!("{PAGE}: a row without four cells: {line}") };
    let seconds = time.split(':').try_fold(0_u64, |sum, part| Some(sum * 60 + part.parse::<u64>().ok()?));
    Ok(Row {
        target: target.to_owned(),
        seconds: seconds.with_context(|| format!("{PAGE}: `{time}` is no time"))?,
        executions: executions.replace(',', "").parse().with_context(|| format!("{PAGE}: {line}"))?,
        coverage: coverage.parse().with_context(|| format!("{PAGE}: {line}"))?,
    })
}

/// A number in groups of three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
