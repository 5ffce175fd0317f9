//! Clients, and what they saw.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::field::Programs;
use super::part::Found;
use crate::commands::bench::process::Running;
use crate::commands::faults::answers::{Figures, Report, float};

/// Requests at fixed times.
pub(super) struct Arrivals<'a> {
    pub(super) target: SocketAddr,
    pub(super) rate: f64,
    pub(super) seconds: f64,
    /// As `sluicegate-bench arrivals` takes them.
    pub(super) arguments: &'a [&'a str],
    /// The gateway's process, if its cost is to be known.
    pub(super) gateway: Option<u32>,
    /// Processes that share the clients' core.
    pub(super) own: &'a [&'a Running],
}

/// What `sluicegate-bench streams` prints.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Streams {
    pub(super) streams: u64,
    pub(super) cut: u64,
    pub(super) refused: u64,
    pub(super) chunks: u64,
    pub(super) p50_us: u64,
    pub(super) p99_us: u64,
    pub(super) most_us: u64,
    pub(super) complaints: Vec<String>,
}

impl Arrivals<'_> {
    /// Starts them; they have begun when this returns.
    pub(super) fn start(&self, programs: &Programs, name: &str) -> Result<Running> {
        let (target, phase) = (self.target.to_string(), format!("{}:{}", self.rate, self.seconds));
        let mut arguments: Vec<String> = ["arrivals", "--target", &target, "--phase", &phase].map(str::to_owned).into();
        arguments.extend(self.arguments.iter().map(|argument| (*argument).to_owned()));
        arguments.extend(self.gateway.iter().flat_map(|id| ["--proxy".to_owned(), id.to_string()]));
        arguments.extend(self.own.iter().flat_map(|own| ["--own".to_owned(), own.id().to_string()]));
        begun(programs.bench(name, &arguments)?, name)
    }
}

/// Starts so many streams at once, some of them over HTTP/2; all have begun when this returns.
pub(super) fn streams(
    programs: &Programs,
    target: SocketAddr,
    (count, http2): (usize, usize),
    chunks: u64,
    seconds: f64,
) -> Result<Running> {
    let arguments = [
        "streams",
        "--target",
        &target.to_string(),
        "--count",
        &count.to_string(),
        "--http2",
        &http2.to_string(),
        "--chunks",
        &chunks.to_string(),
        "--seconds",
        &seconds.to_string(),
    ];
    begun(programs.bench("streams", &arguments.map(str::to_owned))?, "streams")
}

/// What the arrivals saw, once all are answered.
pub(super) fn report(clients: &mut Running) -> Result<Report> {
    serde_json::from_str(&clients.line()?).context("what the clients said")
}

/// What the readers of streams saw, once all have ended.
pub(super) fn read(clients: &mut Running) -> Result<Streams> {
    serde_json::from_str(&clients.line()?).context("what the readers said")
}

/// Milliseconds of those that were answered well.
pub(super) fn p99(figures: &Figures) -> f64 {
    figures.accepted.map_or(f64::INFINITY, |times| times.p99)
}

/// Arguments as one types them.
pub(super) fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// Streams; times are of chunks, from the server to the client.
pub(super) fn streamed(found: &mut Found, streams: &Streams) {
    let milliseconds = |us: u64| format!("{:.1}", float(us) / 1000.0);
    let failed = streams.cut + streams.refused;
    found.rows.push(vec![
        format!("streams, of chunks each 100 ms ({} chunks)", streams.chunks),
        streams.streams.to_string(),
        format!("{failed}"),
        milliseconds(streams.p50_us),
        milliseconds(streams.p99_us),
    ]);
    found
        .bound(failed == 0, format!("{} of {} streams cut, {} refused", streams.cut, streams.streams, streams.refused));
    found.notes.push(format!("a chunk was under way for at most {} ms", milliseconds(streams.most_us)));
    found.notes.extend(streams.complaints.iter().take(2).map(|complaint| format!("a reader saw: {complaint}")));
}

fn begun(mut clients: Running, name: &str) -> Result<Running> {
    let said = clients.line()?;
    ensure!(said == "begun", "{name} said: {said}");
    Ok(clients)
}
