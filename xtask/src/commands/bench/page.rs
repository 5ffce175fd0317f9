//! The report.

use super::cell::Cell;
use super::figures::{Summary, added, ratio};
use super::machine::Machine;
use super::open::{RATE, Row};
use super::options::Options;
use super::table::{Table, bars, median, quartiles, ratio as shown, short, spread};
use super::window::{Window, float};
use super::workload::{Unit, Workload};

/// Around the rounds of a workload.
pub(super) struct Circumstances {
    /// The load average.
    pub(super) before: String,
    pub(super) during: String,
    /// How the proxies were scheduled.
    pub(super) class: String,
    /// The gateway that the others are compared with, where there are several.
    pub(super) first: Option<String>,
}

/// The beginning: how it came about.
pub(super) fn head(arguments: &[String], options: &Options, machine: &Machine) -> String {
    let typed: String = arguments.iter().map(|argument| format!(" {argument}")).collect();
    let where_ = if options.pinned {
        format!("each proxy on core 0 with {} thread(s), clients and model server on core 1", options.threads)
    } else {
        format!("nothing pinned, each proxy with {} threads", options.threads)
    };
    let mut table = Table::new(&["", ""]);
    for (name, value) in &machine.facts {
        table.row(&[(*name).to_owned(), value.clone()]);
    }
    format!(
        "# What a request costs\n\n\
         Made by `cargo xtask bench{typed}`: {} rounds of {} s, {where_}. [How it is measured and how to read it](README.md).\n\n{}",
        options.rounds,
        options.seconds,
        table.text()
    )
}

/// One workload.
pub(super) fn section(workload: Workload, cells: &[Cell], around: &Circumstances) -> String {
    let unit = match workload.unit {
        Unit::Request => "request",
        Unit::Stream => "stream",
        Unit::Chunk => "chunk",
    };
    let cost = |cell: &Cell| cell.each(|window| workload.cost(window));
    let named = |name: &str| cells.iter().find(|cell| cell.name == name);
    let to = |cell: &Cell, other: Option<&Cell>| shown(other.and_then(|other| ratio(&cost(cell), &cost(other))));
    let first = around.first.as_deref();
    let heads = [format!("CPU us a {unit}"), format!("ratio to {}", workload.against)];
    let compared = first.map(|first| format!("ratio to {first}"));
    let mut columns = vec![""];
    columns.extend(heads.iter().chain(&compared).map(String::as_str));
    columns.extend(["a second", "cores", "busiest thread", "peak MB", "PSS MB"]);
    if workload.unit == Unit::Stream {
        columns.push("chunks seen");
    }
    let mut table = Table::new(&columns);
    for cell in cells {
        let mut row = vec![cell.name.clone(), spread(summary(&cost(cell))), to(cell, named(workload.against))];
        row.extend(first.map(|first| to(cell, named(first))));
        row.extend([
            median(summary(&cell.each(|window| float(workload.count(window)) / window.seconds))),
            median(summary(&cell.each(|window| window.cores(window.proxy_ns)))),
            median(summary(&cell.each(Window::busiest))),
            megabytes(cell.most(|window| window.peak_kib)),
            megabytes(cell.most(|window| window.pss_kib)),
        ]);
        if workload.unit == Unit::Stream {
            row.push(median(summary(&cell.each(|window| float(window.chunks) / float(window.completed.max(1))))));
        }
        table.row(&row);
    }
    let pictured: Vec<(String, Option<Summary>)> =
        cells.iter().map(|cell| (cell.name.clone(), summary(&cost(cell)))).collect();
    let mut text = format!(
        "\n## {}\n\n{}\n\nLoad average before {}, at the end {}; {}.\n\n{}\n{}",
        workload.name,
        workload.what,
        around.before,
        around.during,
        around.class,
        table.text(),
        bars(&pictured)
    );
    if workload.unit == Unit::Chunk {
        text.push_str("\nMicroseconds from the server's write to the client's read:\n\n");
        text.push_str(&delays(cells, false));
    }
    text + &voids(cells)
}

/// The rounds at a fixed rate.
pub(super) fn open(rows: &[Row], before: &str, after: &str) -> String {
    let mut text = format!(
        "\n## At a fixed rate\n\nThe small request of `json`, {RATE} a second over all connections; microseconds from the \
         time a request was due to the end of its answer. Load average before {before}, at the end {after}.\n"
    );
    for row in rows {
        text.push_str(&format!("\n### {} connections\n\n", row.connections));
        text.push_str(&delays(&row.cells, true));
        text.push_str(&voids(&row.cells));
    }
    text
}

/// Times from end to end, and what each proxy adds to them.
fn delays(cells: &[Cell], with_cost: bool) -> String {
    let p50 = |cell: &Cell| cell.each(|window| window.delays.unwrap_or_default().p50);
    let p99 = |cell: &Cell| cell.each(|window| window.delays.unwrap_or_default().p99);
    let direct = cells.iter().find(|cell| cell.name == "direct");
    let mut columns = vec!["", "p50", "added p50", "p99", "added p99"];
    if with_cost {
        columns.push("CPU us a request");
    }
    let mut table = Table::new(&columns);
    for cell in cells {
        let direct = direct.filter(|direct| direct.name != cell.name);
        let mut row = vec![
            cell.name.clone(),
            quartiles(summary(&p50(cell))),
            quartiles(direct.and_then(|direct| added(&p50(cell), &p50(direct)))),
            quartiles(summary(&p99(cell))),
            quartiles(direct.and_then(|direct| added(&p99(cell), &p99(direct)))),
        ];
        if with_cost {
            row.push(quartiles(summary(&cell.each(|window| window.cost(window.completed)))));
        }
        table.row(&row);
    }
    table.text()
}

/// What was measured and does not count.
fn voids(cells: &[Cell]) -> String {
    let lines = cells.iter().filter(|cell| !cell.voids.is_empty());
    let lines: String = lines
        .map(|cell| {
            let (void, all) = (cell.voids.len(), cell.windows.len());
            let why: Vec<String> = cell.voids.iter().map(ToString::to_string).collect();
            format!("- {}: {void} of {all} rounds ({})\n", cell.name, why.join("; "))
        })
        .collect();
    if lines.is_empty() {
        lines
    } else {
        format!("\n**Void** and left out, after {} tries each:\n\n{lines}", super::workload::TRIES)
    }
}

fn megabytes(kibibytes: u64) -> String {
    short(float(kibibytes) * 1.024 / 1000.0)
}

fn summary(figures: &[Option<f64>]) -> Option<Summary> {
    Summary::of(figures.iter().copied().flatten())
}
