//! Clients that come at fixed times and do not wait for one another: whatever happens to one request, the next is sent when
//! it is due. Every answer is told, with the time it took since it was due.

mod client;
mod http1;
mod http2;
mod outcome;

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use parking_lot::Mutex;
use tokio::task::JoinSet;

use self::client::{Clients, Common, Over};
use self::outcome::Answer;
pub(crate) use self::outcome::Outcome;
use crate::clock::{self, Ticker};
use crate::say;
use crate::usage::{Usage, Watched};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Whom
    #[arg(long)]
    target: SocketAddr,
    /// How many a second for how many seconds, such as `750:10`; several follow one another
    #[arg(long = "phase", required = true)]
    phases: Vec<Phase>,
    /// Milliseconds from the time a request is due until nobody waits for its answer
    #[arg(long, default_value_t = 3000)]
    timeout: u64,
    /// What they go over
    #[arg(long, value_enum, default_value = "http1")]
    over: Over,
    /// The model they ask for
    #[arg(long, default_value = "small")]
    model: String,
    /// A further field of each head, such as `x-request-timeout: 250ms`
    #[arg(long = "field", value_parser = field)]
    fields: Vec<(String, String)>,
    /// Bytes that make each request longer; not over gRPC
    #[arg(long, default_value_t = 0)]
    padding: usize,
    /// The process that is measured, with its children
    #[arg(long)]
    proxy: Option<u32>,
    /// Processes that share the clients' core, such as the model servers
    #[arg(long)]
    own: Vec<u32>,
}

/// A rate for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Phase {
    rate: f64,
    seconds: f64,
}

/// Before the first request.
const LEAD: u64 = 20_000_000;

/// Sends everything, and waits for the last answer or until nobody waits for it.
pub(crate) async fn run(options: Options) -> Result<Outcome> {
    let clients = Arc::new(Clients::new(Common {
        target: options.target,
        over: options.over,
        model: options.model,
        fields: options.fields,
        timeout: Duration::from_millis(options.timeout),
        padding: options.padding,
    }));
    let answers = Arc::new(Mutex::new(Vec::new()));
    let watched = Watched { proxy: options.proxy, own: options.own };
    let mut asking = JoinSet::new();
    let mut phases = Vec::new();
    let begin = clock::now() + LEAD;
    let (mut due, mut number) = (begin, 0);
    for phase in options.phases {
        let usage = Usage::begin(&watched)?;
        let every = clock::nanoseconds(1.0 / phase.rate).max(1);
        let end = due + clock::nanoseconds(phase.seconds);
        let ticker = Ticker::start(due, every)?;
        while due < end {
            let ticks = ticker.tick().await?;
            if number == 0 {
                // Who started us counts from here on.
                say("begun")?;
            }
            for _ in 0..ticks {
                if due >= end {
                    break;
                }
                let (clients, answers, at) = (Arc::clone(&clients), Arc::clone(&answers), due);
                asking.spawn(async move {
                    let code = clients.ask(number, at).await;
                    let took = clock::now().saturating_sub(at);
                    answers.lock().push(Answer::new(at - begin, took, code));
                });
                number += 1;
                due += every;
            }
            // Those that are over are forgotten, so that a long run needs no more than a short one.
            while asking.try_join_next().is_some() {}
        }
        // The next phase begins where this one was to end, whatever the rate was.
        due = end;
        phases.push(usage.end()?);
    }
    while asking.join_next().await.is_some() {}
    let answers = std::mem::take(&mut *answers.lock());
    Ok(Outcome::new(answers, phases, clients.complaints()))
}

impl FromStr for Phase {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (rate, seconds) = text.split_once(':').context("a phase is RATE:SECONDS")?;
        let phase = Self { rate: rate.parse()?, seconds: seconds.parse()? };
        ensure!((0.001..=1e6).contains(&phase.rate), "a rate from 0.001 to 1000000");
        ensure!((0.001..=86_400.0).contains(&phase.seconds), "a time from 1 ms to a day");
        Ok(phase)
    }
}

fn field(text: &str) -> Result<(String, String)> {
    let (name, value) = text.split_once(": ").context("a field is `NAME: VALUE`")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests;
