//! `cargo xtask stages`: runs the benchmarks of single stages, and writes down what they say. Times are this machine's, so
//! that nothing is held against them; allocations the benchmarks assert themselves, also among the ordinary tests.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::Command;
use crate::{process, say};

pub(crate) const COMMAND: Command = Command {
    name: "stages",
    usage: "[--write]",
    summary: "what each stage of a request takes, in nanoseconds and allocations; --write: into docs/benchmarks/stages.md",
    run: |root, arguments| match arguments {
        [] => run(root).map(|rows| rows.iter().for_each(say::line)),
        [flag] if flag == "--write" => write(root),
        _ => bail!("`cargo xtask stages` takes nothing but `--write`"),
    },
};

const PAGE: &str = "docs/benchmarks/stages.md";

const HEAD: &str = "| room | stage | ns, median | ns, quartiles | allocations |";

const ROOMS: &[&str] = &["sluicegate-server", "sluicegate-flow", "sluicegate-adapters", "sluicegate"];

/// The rows that the benchmarks print.
fn run(root: &Path) -> Result<Vec<String>> {
    let mut rows = Vec::new();
    for room in ROOMS {
        say::progress(format_args!("{room}"));
        let output = process::output(process::cargo(root).args(["bench", "--package", room, "--bench", "stages"]))?;
        let before = rows.len();
        rows.extend(output.lines().filter(|line| line.starts_with("| ")).map(str::to_owned));
        ensure!(rows.len() > before, "the benchmark of {room} printed no figures");
    }
    Ok(rows)
}

fn write(root: &Path) -> Result<()> {
    let page = root.join(PAGE);
    let text = fs::read_to_string(&page).with_context(|| format!("cannot read {PAGE}"))?;
    let rows = run(root)?;
    rows.iter().for_each(say::line);
    fs::write(&page, with_table(&text, &rows)?)?;
    say::line(format_args!("wrote {PAGE}"));
    Ok(())
}

/// The page with `rows` in place of its table's.
pub(super) fn with_table(page: &str, rows: &[String]) -> Result<String> {
    let (before, rest) = page.split_once(HEAD).with_context(|| format!("{PAGE} has no table `{HEAD}`"))?;
    let after: Vec<&str> = rest.lines().skip(1).skip_while(|line| line.starts_with('|')).collect();
    Ok(format!("{before}{HEAD}\n|---|---|---|---|---|\n{}\n{}\n", rows.join("\n"), after.join("\n")))
}
