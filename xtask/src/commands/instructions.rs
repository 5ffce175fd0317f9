//! `cargo xtask instructions`: what a request costs in instructions, counted, held against the figures written down. Time
//! depends on the machine and its other work; instructions hardly do, so that CI can tell a change from noise.

use std::fs;
use std::path::Path;
use std::process::{Command as Process, Stdio};

use anyhow::{Context, Result, bail, ensure};
use parking_lot::Mutex;

use super::Command;
use super::fuzz::grouped;
use crate::peers::debian;
use crate::stopwatch::Stopwatch;
use crate::{process, say};

pub(crate) const COMMAND: Command = Command {
    name: "instructions",
    usage: "[--write]",
    summary: "count a request's instructions and hold them against docs/benchmarks/instructions.md, or write them there",
    run: |root, arguments| match arguments {
        [] => check(root),
        [flag] if flag == "--write" => write(root),
        _ => bail!("`cargo xtask instructions` takes nothing but `--write`"),
    },
};

const PAGE: &str = "docs/benchmarks/instructions.md";

const HEAD: &str = "| request | instructions | of client and server alone |";

/// glibc copies much at once by an instruction that repeats itself, which valgrind counts once a byte.
const TUNABLES: &str = "glibc.cpu.x86_rep_movsb_threshold=1073741824:glibc.cpu.x86_rep_stosb_threshold=1073741824";

/// Growth beyond this fails, in percent.
const GROWTH: u64 = 5;

/// A row of the table: the name of the workload in `crates/sluicegate/benches/instructions`, how it is called on the page,
/// and how many requests are counted.
struct Row {
    name: &'static str,
    label: &'static str,
    requests: u64,
}

const ROWS: &[Row] = &[
    Row { name: "json", label: "OIP JSON over HTTP/1.1, bytes untouched", requests: 400 },
    Row { name: "grpc", label: "gRPC `ModelInfer`", requests: 400 },
    Row { name: "rest-to-grpc", label: "OIP JSON over HTTP/1.1 to gRPC", requests: 400 },
    Row { name: "chat", label: "OpenAI chat over HTTP/1.1", requests: 400 },
    Row { name: "sse", label: "the same as a stream of 200 events at once", requests: 40 },
];

/// What was counted: the gateway's own, and of client and server without it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) gateway: u64,
    pub(super) others: u64,
}

/// Counts, prints, and fails where a figure grew.
pub(crate) fn check(root: &Path) -> Result<()> {
    let text = fs::read_to_string(root.join(PAGE)).with_context(|| format!("cannot read {PAGE}"))?;
    let known = figures(&text)?;
    let counts = count(root)?;
    let mut grown = Vec::new();
    for (row, count) in ROWS.iter().zip(&counts) {
        let (_, before) = known.iter().find(|(label, _)| label == row.label).with_context(|| {
            format!("{PAGE} has no row `{}`; `cargo xtask instructions --write` adds it", row.label)
        })?;
        say::line(format_args!(
            "{:<44} {:>9}  {}  (written down: {})",
            row.label,
            grouped(count.gateway),
            change(*before, count.gateway),
            grouped(*before)
        ));
        if is_growth(*before, count.gateway) {
            grown.push(row.label);
        }
    }
    ensure!(
        grown.is_empty(),
        "more than {GROWTH} % more instructions than in {PAGE}: {}. If that is worth it, `cargo xtask instructions \
         --write` and say why",
        grown.join("; ")
    );
    Ok(())
}

fn write(root: &Path) -> Result<()> {
    let page = root.join(PAGE);
    let text = fs::read_to_string(&page).with_context(|| format!("cannot read {PAGE}"))?;
    let counts = count(root)?;
    let rows: Vec<String> = ROWS.iter().zip(&counts).map(|(row, count)| shown(row.label, *count)).collect();
    rows.iter().for_each(say::line);
    fs::write(&page, with_table(&text, &rows)?)?;
    say::line(format_args!("wrote {PAGE}"));
    Ok(())
}

pub(super) fn shown(label: &str, count: Count) -> String {
    format!("| {label} | {} | {} |", grouped(count.gateway), grouped(count.others))
}

/// Counts every row, as many at a time as there are cores.
fn count(root: &Path) -> Result<Vec<Count>> {
    debian::ensure(&[debian::VALGRIND])?;
    let arguments = ["build", "--release", "--package", "sluicegate", "--bin", "instructions"];
    process::run(process::cargo(root).args(arguments).args(["--features", "instructions"]))?;
    let watch = Stopwatch::start();
    let program = root.join("target/release/instructions");
    // The longest first: N requests and twice as many, with the gateway and without.
    let jobs: Vec<(usize, bool, bool)> = (0..ROWS.len())
        .rev()
        .flat_map(|row| [(row, false, true), (row, false, false), (row, true, true), (row, true, false)])
        .collect();
    let waiting = Mutex::new(jobs.iter());
    let done = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(job @ (row, alone, twice)) = next(&waiting) {
                    let result = match ROWS.get(row) {
                        Some(row) => run(&program, row.name, row.requests * (1 + u64::from(twice)), alone),
                        None => continue,
                    };
                    done.lock().push((job, result));
                }
            });
        }
    });
    let mut results = Vec::new();
    for (job, result) in done.into_inner() {
        results.push((job, result?));
    }
    say::progress(format_args!("counted in {}", watch.elapsed()));
    let of = |job| results.iter().find(|(known, _)| *known == job).map(|(_, count)| *count).context("a run is missing");
    let one = |(index, row): (usize, &Row)| {
        let each = |alone| {
            let (fewer, more) = (of((index, alone, false))?, of((index, alone, true))?);
            Ok::<u64, anyhow::Error>(more.saturating_sub(fewer) / row.requests)
        };
        let (all, others) = (each(false)?, each(true)?);
        Ok(Count { gateway: all.saturating_sub(others), others })
    };
    ROWS.iter().enumerate().map(one).collect()
}

fn next<'a, T: Copy + 'a>(waiting: &Mutex<impl Iterator<Item = &'a T>>) -> Option<T> {
    waiting.lock().next().copied()
}

/// Instructions of one run of the program.
fn run(program: &Path, workload: &str, requests: u64, alone: bool) -> Result<u64> {
    let mut valgrind = Process::new("valgrind");
    valgrind.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]).arg(program);
    valgrind.args([workload, &requests.to_string()]).args(alone.then_some("--alone"));
    // Whoever runs it: the environment lies in the process's memory.
    let path = std::env::var_os("PATH").unwrap_or_default();
    valgrind.env_clear().env("PATH", path).env("GLIBC_TUNABLES", TUNABLES);
    let done = valgrind.stdin(Stdio::null()).output().context("cannot start valgrind")?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "`{workload}` under valgrind: {}\n{said}", done.status);
    total(&said).with_context(|| format!("valgrind told no count:\n{said}"))
}

/// The count in what cachegrind says at the end.
pub(super) fn total(said: &str) -> Option<u64> {
    let line = said.lines().find_map(|line| line.split_once("I   refs:").or_else(|| line.split_once("I refs:")))?;
    line.1.trim().replace(',', "").parse().ok()
}

pub(super) fn is_growth(before: u64, now: u64) -> bool {
    now * 100 > before * (100 + GROWTH)
}

/// In percent, with its sign.
fn change(before: u64, now: u64) -> String {
    let tenths = (i128::from(now) - i128::from(before)) * 1000 / i128::from(before.max(1));
    format!("{}{}.{} %", if tenths < 0 { '-' } else { '+' }, tenths.abs() / 10, tenths.abs() % 10)
}

/// The rows' labels and first figures.
pub(super) fn figures(page: &str) -> Result<Vec<(String, u64)>> {
    let (_, rest) = page.split_once(HEAD).with_context(|| format!("{PAGE} has no table `{HEAD}`"))?;
    let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let (label, figure) = cells.next().zip(cells.next()).with_context(|| format!("{PAGE}: `{line}` is no row"))?;
        let figure = figure.replace(',', "").parse().with_context(|| format!("{PAGE}: `{figure}` is no figure"))?;
        Ok((label.to_owned(), figure))
    })
    .collect()
}

/// The page with `rows` in place of its table's.
pub(super) fn with_table(page: &str, rows: &[String]) -> Result<String> {
    let (before, rest) = page.split_once(HEAD).with_context(|| format!("{PAGE} has no table `{HEAD}`"))?;
    let after: Vec<&str> = rest.lines().skip(1).skip_while(|line| line.starts_with('|')).collect();
    Ok(format!("{before}{HEAD}\n|---|---|---|\n{}\n{}\n", rows.join("\n"), after.join("\n")))
}
