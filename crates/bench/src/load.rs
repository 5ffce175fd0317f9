//! Clients: so many of them, each asking again as soon as it is answered, or at fixed times. Every answer is checked.

mod check;
mod closed;
mod grpc;
mod open;
mod outcome;
mod tally;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;
use tokio::task::JoinSet;

pub(crate) use self::check::Check;
use self::outcome::Outcome;
use self::tally::{Counts, Tally};
use crate::clock;
use crate::usage::{Usage, Watched};
use crate::work::Workload;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// What is asked
    #[arg(long, value_enum)]
    pub(crate) workload: Workload,
    /// Whom
    #[arg(long)]
    pub(crate) target: SocketAddr,
    /// How long it is measured
    #[arg(long, default_value_t = 1.5)]
    pub(crate) seconds: f64,
    /// How long it runs before that
    #[arg(long, default_value_t = 0.3)]
    pub(crate) warm: f64,
    /// So many requests and no more, instead of a time
    #[arg(long)]
    pub(crate) count: Option<u64>,
    /// Connections, where it is not the workload's own number
    #[arg(long)]
    pub(crate) connections: Option<usize>,
    /// Streams on each connection, over gRPC
    #[arg(long, default_value_t = 4)]
    pub(crate) streams: usize,
    /// Requests a second at fixed times, spread over the connections; without it each asks when it is answered
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// The process that is measured, with its children
    #[arg(long)]
    pub(crate) proxy: Option<u32>,
    /// Processes that belong to the measurement, such as the model server
    #[arg(long)]
    pub(crate) own: Vec<u32>,
}

/// Runs the clients and says what they saw.
pub(crate) async fn run(options: Options) -> Result<Outcome> {
    let connections = options.connections.unwrap_or(options.workload.connections());
    ensure!(connections > 0 && options.streams > 0, "no connections");
    let tally = Arc::new(Tally::new(options.count));
    let mut clients = JoinSet::new();
    match (options.workload, options.rate) {
        (Workload::Grpc, None) => grpc::start(&mut clients, &options, connections, &tally).await?,
        (Workload::Grpc, Some(_)) => anyhow::bail!("gRPC is asked without a rate only"),
        (_, None) => closed::start(&mut clients, &options, connections, &tally).await?,
        (_, Some(rate)) => open::start(&mut clients, &options, (connections, rate), &tally).await?,
    }
    if options.count.is_some() {
        let begun = clock::now();
        while clients.join_next().await.is_some() {}
        return Ok(Outcome::new(&tally, (Counts::default(), tally.counts()), clock::now() - begun, None));
    }
    let watched = Watched { proxy: options.proxy, own: options.own };
    tokio::time::sleep(Duration::from_secs_f64(options.warm)).await;
    let before = Usage::begin(&watched)?;
    let opened = tally.open();
    tokio::time::sleep(Duration::from_secs_f64(options.seconds)).await;
    let closed = tally.close();
    let (elapsed, spent) = before.end()?;
    Ok(Outcome::new(&tally, (opened, closed), elapsed, Some(spent)))
}
