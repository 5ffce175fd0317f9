//! The other ends of a benchmark: a model server that answers at once, clients that count, and the least a proxy can do.
//! Beside them model servers that fail, and clients that come at fixed times whatever happens to them.
//!
//! `cargo xtask bench`, `cargo xtask faults` and `cargo xtask hold` start them, each as a process of its own. Dev only: nobody imports it, and it
//! imports no room, so that what measures the gateway shares nothing with it. docs/benchmarks/README.md and
//! docs/reliability.md say what is measured and how.

mod arrivals;
mod clock;
mod descriptors;
mod faulty;
mod floor;
mod floor_h2;
mod http1;
mod http2;
mod input;
mod leaving;
mod load;
mod mock;
mod oip;
mod slow;
mod streams;
mod usage;
mod work;

use std::io::Write as _;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "sluicegate-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A model server: OIP over REST and gRPC, OpenAI's API. Prints `http ADDRESS` and `grpc ADDRESS`
    Mock,
    /// A proxy that passes bytes on and reads none of them. Prints `http ADDRESS`
    Floor(floor::Options),
    /// The bare proxy over HTTP/2: streams from clients to a server, by the library alone
    FloorH2(floor::Options),
    /// Model servers that misbehave when they are told to. Prints `http ADDRESS` for each; takes orders on its input
    Faulty(faulty::Options),
    /// Clients that do not wait for one another. Prints `begun`, then one line of JSON with every answer
    Arrivals(arrivals::Options),
    /// Clients that read streams. Prints `begun`, then one line of JSON about what they saw
    Streams(streams::Options),
    /// Clients that leave, and the servers that see it. Prints where those are; takes `go CLIENTS ADMIN BATCHES` on its input
    Leaving(leaving::Options),
    /// Slow clients over TLS, and the server behind them. Prints `http ADDRESS`; takes `open ADDRESS COUNT` on its input
    Slow(slow::Options),
    /// Clients. Prints one line of JSON about what they saw
    Load(load::Options),
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    // One thread each: what is measured is the proxy, and a second core is not there for all of us.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match cli.command {
            Command::Mock => mock::run().await,
            Command::Floor(options) => floor::run(&options).await,
            Command::FloorH2(options) => floor_h2::run(&options).await,
            Command::Faulty(options) => faulty::run(&options).await,
            Command::Arrivals(options) => say(serde_json::to_string(&arrivals::run(options).await?)?),
            Command::Streams(options) => say(serde_json::to_string(&streams::run(options).await?)?),
            Command::Leaving(options) => leaving::run(&options).await,
            Command::Slow(options) => slow::run(&options).await,
            Command::Load(options) => say(serde_json::to_string(&load::run(options).await?)?),
        }
    })
}

/// One line for who started us.
fn say(line: impl std::fmt::Display) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}
