//! Clients that leave, at each point of a request and over each protocol, and the servers that are to see it: in one process,
//! so that one clock tells how long it took.
//!
//! It prints where its servers are, and takes `go CLIENTS ADMIN BATCHES` on its input. Then it prints one line of JSON for each
//! case: first as clients of the gateway, whose counters it reads as well, then without one.

mod calls;
mod case;
mod client;
mod counters;
mod outcome;
mod seen;
mod server;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use self::case::{CASES, Case, How, Point};
use self::client::{Client, Kept};
use self::counters::Counters;
use self::outcome::Outcome;
use self::seen::Seen;
use crate::faulty::Full;
use crate::{clock, input, say};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Clients that leave one behind the other in each batch
    #[arg(long, default_value_t = 25)]
    clients: u64,
}

/// Where everything is.
struct Field {
    gateway: SocketAddr,
    /// The servers, without a gateway.
    direct: client::Targets,
    counters: Counters,
    seen: Arc<Seen>,
    clients: u64,
}

/// How long a client is there before it leaves: over HTTP/1 an end of input that follows the last byte sooner is taken for a
/// client that has said all and waits.
const STAY: Duration = Duration::from_millis(300);
/// Between two that leave.
const APART: Duration = Duration::from_millis(2);
/// How long a leaving may go unseen.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn run(options: &Options) -> Result<()> {
    let http = TcpListener::bind("127.0.0.1:0").await?;
    let grpc = TcpListener::bind("127.0.0.1:0").await?;
    let full = Full::somewhere().await?;
    let direct = client::Targets { http: http.local_addr()?, grpc: grpc.local_addr()? };
    say(format_args!("http {}", direct.http))?;
    say(format_args!("grpc {}", direct.grpc))?;
    say(format_args!("full {}", full.address()))?;
    let seen = Arc::new(Seen::default());
    drop(tokio::spawn(server::serve(http, Arc::clone(&seen))));
    drop(tokio::spawn(calls::serve(grpc, Arc::clone(&seen))));
    let line = input::lines().recv().await.context("nobody says whom to go to")?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let ["go", gateway, admin, batches] = words[..] else {
        anyhow::bail!("`{line}` is not `go CLIENTS ADMIN BATCHES`")
    };
    let (gateway, counters) = (gateway.parse()?, Counters::new(admin.parse()?));
    let field = Field { gateway, direct, counters, seen, clients: options.clients };
    let batches: u64 = batches.parse()?;
    for case in CASES {
        let mut outcome = Outcome::new(case, true);
        for _ in 0..batches {
            field.batch(case, true, &mut outcome).await.with_context(|| format!("{case:?}"))?;
        }
        say(serde_json::to_string(&outcome)?)?;
    }
    // What one batch shows is too little to be compared.
    for case in CASES.iter().filter(|case| batches > 1 && case.has_control()) {
        let mut outcome = Outcome::new(case, false);
        for _ in 0..batches {
            field.batch(case, false, &mut outcome).await.with_context(|| format!("{case:?} directly"))?;
        }
        say(serde_json::to_string(&outcome)?)?;
    }
    say("done")
}

impl Field {
    /// Some clients come to the point, stay a while, and leave.
    async fn batch(&self, case: &Case, through: bool, outcome: &mut Outcome) -> Result<()> {
        let target = if through { client::Targets { http: self.gateway, grpc: self.gateway } } else { self.direct };
        // Who has the only turn, where others are to wait for it.
        let holder = if case.point == Point::Queued { Some(Kept::hold(target, &self.seen).await?) } else { None };
        let held = usize::from(holder.is_some());
        let mut clients = Vec::new();
        let kept = Kept::open(case.over, target).await?;
        for _ in 0..self.clients {
            clients.push(Client::begin(case, &kept, target, self.seen.number()).await?);
        }
        for client in &mut clients {
            let there = client.is_there(case, &self.seen);
            timeout(PATIENCE, there).await.context("a request does not come to its point")??;
        }
        if through {
            let there = usize::try_from(self.clients)? + held;
            timeout(PATIENCE, self.counters.until(there, there))
                .await
                .context("requests do not come to their point")??;
        }
        if case.how != How::ClosesAtOnce {
            sleep(STAY).await;
        }
        let mut left = Vec::new();
        for client in clients {
            let number = client.number();
            left.push((number, clock::now()));
            client.leave(case).await;
            sleep(APART).await;
        }
        if through {
            let gone = timeout(PATIENCE, self.counters.until(held, held)).await;
            let last = left.last().map_or(0, |(_, at)| *at);
            outcome.counted(gone.is_ok().then(|| clock::now().saturating_sub(last)));
        }
        for (number, at) in left {
            if case.is_seen(through) {
                let gone = timeout(PATIENCE, self.seen.left(number)).await;
                outcome.seen(gone.ok().map(|gone| gone.saturating_sub(at)));
            } else {
                outcome.unseen(self.seen.reached(number));
            }
        }
        drop(holder);
        if through {
            timeout(PATIENCE, self.counters.until(0, 0)).await.context("the turn is not given back")??;
        }
        Ok(())
    }
}
