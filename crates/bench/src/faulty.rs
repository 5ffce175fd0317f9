//! Model servers that misbehave: OIP over REST on a port each, with a known capacity, and a behaviour that changes while
//! they run.
//!
//! Orders come in lines: `2 error500` changes the third server (`behaviour.rs` lists them all), `report` prints one line of
//! JSON with what each server counted. It ends when its input does.

mod behaviour;
mod connection;
mod counts;
mod listening;
mod reply;
mod server;
mod slots;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;

use self::behaviour::{Behaviour, duration};
pub(crate) use self::listening::Full;
use self::server::Server;
use crate::{input, say};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many of them
    #[arg(long, default_value_t = 3)]
    servers: usize,
    /// Requests that each computes at once; further ones wait in the order they came
    #[arg(long, default_value_t = 20)]
    slots: usize,
    /// How long each request takes, such as `40ms`
    #[arg(long, default_value = "40ms", value_parser = |text: &str| duration(text).map_err(|error| error.to_string()))]
    service: Duration,
}

/// One line of input.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Order {
    Set(usize, Behaviour),
    Report,
}

/// Serves until its input ends.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let mut servers = Vec::new();
    for _ in 0..options.servers {
        let server = listening::start(options.slots, options.service)?;
        say(format_args!("http {}", server.address()))?;
        servers.push(server);
    }
    let mut orders = input::lines();
    while let Some(line) = orders.recv().await {
        match Order::parse(&line).with_context(|| format!("the order `{line}`"))? {
            Order::Set(number, behaviour) => {
                servers.get(number).with_context(|| format!("there is no server {number}"))?.set(behaviour);
            }
            Order::Report => {
                let reports: Vec<_> = servers.iter().map(|server: &Arc<Server>| server.report()).collect();
                say(serde_json::to_string(&reports)?)?;
            }
        }
    }
    Ok(())
}

impl Order {
    fn parse(line: &str) -> Result<Self> {
        if line.trim() == "report" {
            return Ok(Self::Report);
        }
        let (number, behaviour) = line.trim().split_once(' ').context("neither `report` nor `NUMBER BEHAVIOUR`")?;
        Ok(Self::Set(number.parse().context("not a server's number")?, behaviour.parse()?))
    }
}

#[cfg(test)]
mod tests;
