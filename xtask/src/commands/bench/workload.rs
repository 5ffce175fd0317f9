//! The workloads, and the rounds of one of them: every proxy in every round, in an order that turns.

use std::path::Path;

use anyhow::{Context, Result};

use super::cell::Cell;
use super::options::Options;
use super::process::pause;
use super::proxies::{Contender, Field, Programs};
use super::verdict::{self, Void};
use super::window::Window;
use crate::{process, say};

/// As `sluicegate-bench load` knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Workload {
    pub(super) name: &'static str,
    /// In a line.
    pub(super) what: &'static str,
    /// What the figures are counted by.
    pub(super) unit: Unit,
    pub(super) protocol: Protocol,
    /// Seconds before the window.
    pub(super) warm: f64,
    /// Proxies that have no part in it.
    pub(super) without: &'static [&'static str],
    /// The proxy that the ratios are to.
    pub(super) against: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Request,
    /// An answer of 200 chunks.
    Stream,
    /// One chunk, with the time it took to arrive.
    Chunk,
}

/// What clients and proxies speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http,
    /// HTTP/1.1 whose answers must not wait to be full.
    Streaming,
    Grpc,
}

/// How often a window is measured before it stays void.
pub(super) const TRIES: usize = 3;

/// What ended before a window may still be closing its connections.
const SETTLE: std::time::Duration = std::time::Duration::from_millis(100);

const PLAIN: Workload = Workload {
    name: "json",
    what: "Small OIP request, 172 bytes of JSON; 16 connections, kept alive, each asking again when it is answered.",
    unit: Unit::Request,
    protocol: Protocol::Http,
    warm: 0.3,
    without: &["nginx-256k"],
    against: "nginx",
};

/// In the order of the report.
pub(super) const ALL: &[Workload] = &[
    PLAIN,
    Workload {
        name: "binary",
        what: "OIP request with a binary tensor of 600 KB, 4 KB back; 8 connections. `nginx-256k` has its buffers set to \
               256k. Ratios are to that one.",
        without: &[],
        against: "nginx-256k",
        ..PLAIN
    },
    Workload {
        name: "grpc",
        what: "The small request as gRPC `ModelInfer`, HTTP/2 without TLS on both sides; 4 connections of 4 streams.",
        protocol: Protocol::Grpc,
        ..PLAIN
    },
    Workload {
        name: "rest-grpc",
        what: "The small request in JSON to a model server that speaks gRPC; 16 connections. Only the gateway translates; \
               direct and floor are the JSON request to a server that takes it. Ratios are to the floor.",
        without: &["nginx", "nginx-256k", "haproxy"],
        against: "floor",
        ..PLAIN
    },
    Workload { name: "chat", what: "OpenAI chat, 580 bytes, answered whole; 16 connections.", ..PLAIN },
    Workload {
        name: "sse",
        what: "OpenAI chat, streamed: 200 chunks of 170 bytes, each written by itself, as fast as possible; 16 connections.",
        unit: Unit::Stream,
        protocol: Protocol::Streaming,
        ..PLAIN
    },
    Workload {
        name: "paced",
        what: "OpenAI chat, streamed: a chunk every 5 ms on each of 150 streams. Each chunk carries the time it was sent.",
        unit: Unit::Chunk,
        protocol: Protocol::Streaming,
        warm: 1.2,
        ..PLAIN
    },
];

impl Workload {
    pub(super) fn named(name: &str) -> Result<Self> {
        let names: Vec<&str> = ALL.iter().map(|workload| workload.name).collect();
        let found = ALL.iter().find(|workload| workload.name == name);
        found.copied().with_context(|| format!("there is no workload `{name}`; there are: {}", names.join(", ")))
    }

    /// How many of its unit a window holds.
    pub(super) fn count(&self, window: &Window) -> u64 {
        match self.unit {
            Unit::Request | Unit::Stream => window.completed,
            Unit::Chunk => window.delays.map_or(0, |delays| delays.count),
        }
    }

    /// Microseconds of the proxy for each.
    pub(super) fn cost(&self, window: &Window) -> f64 {
        window.cost(self.count(window))
    }
}

/// What clients are told beside the workload.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    pub(super) connections: Option<usize>,
    pub(super) rate: Option<f64>,
}

/// All rounds of a workload, and how the proxies were scheduled.
pub(super) fn measure(
    programs: &Programs,
    options: &Options,
    workload: Workload,
    work: &Path,
) -> Result<(Vec<Cell>, String)> {
    let field = Field::start(programs, options, workload, work)?;
    let load = Load { connections: options.connections, rate: None };
    let cells = rounds(&field, options, workload, load)?;
    Ok((cells, field.scheduling()))
}

/// The rounds, with the proxies already running.
pub(super) fn rounds(field: &Field, options: &Options, workload: Workload, load: Load) -> Result<Vec<Cell>> {
    let mut cells: Vec<Cell> = field.contenders.iter().map(|contender| Cell::new(&contender.name)).collect();
    for round in 0..options.rounds {
        for place in 0..cells.len() {
            let at = (place + round) % cells.len();
            let (Some(contender), Some(cell)) = (field.contenders.get(at), cells.get_mut(at)) else { continue };
            let window = window(field, contender, options, workload, load);
            let told = window.with_context(|| format!("{} through {}", workload.name, contender.name))?;
            let (place, rounds) = (round + 1, options.rounds);
            say::progress(format_args!("{:<9} {place}/{rounds} {:<12} {}", workload.name, contender.name, told.1));
            cell.add(told.0);
        }
    }
    Ok(cells)
}

/// One window, again while it is void; and what to say of it.
fn window(
    field: &Field,
    contender: &Contender,
    options: &Options,
    workload: Workload,
    load: Load,
) -> Result<(Result<Window, Void>, String)> {
    let mut tries = 1;
    loop {
        pause(SETTLE);
        let mut command = field.clients(contender, workload, options, load);
        let window: Window = serde_json::from_str(&process::output(&mut command)?).context("what the clients said")?;
        let told = format!("{:7.2} us each, {:8.0}/s", workload.cost(&window), window.rate());
        match verdict::judge(&window, field.cores, load.rate) {
            Ok(()) => return Ok((Ok(window), told)),
            Err(void) if tries == TRIES => return Ok((Err(void.clone()), format!("{told}, void: {void}"))),
            Err(void) => say::progress(format_args!("{:<9} again: {void}", workload.name)),
        }
        tries += 1;
    }
}
