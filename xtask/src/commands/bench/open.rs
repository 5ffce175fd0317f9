//! Requests at a fixed rate: what a proxy adds to the time of each, at 1 to 512 connections.

use std::path::Path;

use anyhow::Result;

use super::cell::Cell;
use super::options::Options;
use super::proxies::{Field, Programs};
use super::workload::{Load, Workload, rounds};

/// Requests a second, over all connections.
pub(super) const RATE: f64 = 2000.0;
/// Connections they are spread over.
const CONNECTIONS: [usize; 4] = [1, 8, 64, 512];
/// What is asked.
const ASKED: &str = "json";

/// The proxies for one number of connections.
pub(super) struct Row {
    pub(super) connections: usize,
    pub(super) cells: Vec<Cell>,
}

pub(super) fn measure(programs: &Programs, options: &Options, work: &Path) -> Result<Vec<Row>> {
    let workload = Workload::named(ASKED)?;
    let field = Field::start(programs, options, workload, work)?;
    let mut rows = Vec::new();
    for connections in CONNECTIONS {
        crate::say::progress(format_args!("{RATE} requests a second over {connections} connections"));
        let load = Load { connections: Some(connections), rate: Some(RATE) };
        rows.push(Row { connections, cells: rounds(&field, options, workload, load)? });
    }
    Ok(rows)
}
