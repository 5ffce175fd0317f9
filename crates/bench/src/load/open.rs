//! Clients that ask at fixed times, answered or not: what a request waits for another one counts as its own time.

use std::sync::Arc;

use anyhow::Result;
use tokio::task::JoinSet;

use super::Options;
use super::closed::Client;
use super::tally::Tally;
use crate::clock::{self, Ticker};

/// Before the first request, so that all are connected and know their time.
const LEAD: u64 = 20_000_000;

/// Connects all, and then starts them, one behind the other.
pub(super) async fn start(
    clients: &mut JoinSet<()>,
    options: &Options,
    (connections, rate): (usize, f64),
    tally: &Arc<Tally>,
) -> Result<()> {
    Client::prime(options).await?;
    let mut connected = Vec::new();
    for _ in 0..connections {
        connected.push(Client::connect(options, tally).await?);
    }
    let apart = clock::nanoseconds(1.0 / rate);
    let every = apart * u64::try_from(connections)?;
    let begin = clock::now() + LEAD;
    for (number, client) in (0..).zip(connected) {
        let tally = Arc::clone(tally);
        clients.spawn(async move {
            let asked = ask(client, begin + apart * number, every, &tally).await;
            asked.unwrap_or_else(|error| tally.failed(&error));
        });
    }
    Ok(())
}

async fn ask(mut client: Client, first: u64, every: u64, tally: &Tally) -> Result<()> {
    let ticker = Ticker::start(first, every)?;
    let mut scheduled = first;
    loop {
        for _ in 0..ticker.tick().await? {
            if !tally.begin() {
                return Ok(());
            }
            client.exchange().await?;
            tally.completed();
            tally.took(clock::now().saturating_sub(scheduled));
            scheduled += every;
        }
    }
}
