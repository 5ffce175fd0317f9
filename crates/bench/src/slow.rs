//! Clients that take a gateway's room and give nothing for it, over TLS: a third drips its head, a third its body, a third
//! reads a long answer little by little. Each goes on until it is cut.
//!
//! `open ADDRESS COUNT` on its input opens them; it says `opened` and how many when all are in. It prints what became of them when the
//! last one that drips is gone. When a reader is cut only the gateway knows: before its end there is always something left
//! to be read. The server behind the gateway is a part of it: it answers the readers, and waits for the others.

mod client;
mod outcome;
mod server;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Args;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::client::{Kind, Slow};
use self::outcome::Outcome;
use crate::{descriptors, input, say};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where the gateway's certificate and key go: `server.pem`, `server.key`
    #[arg(long)]
    folder: PathBuf,
}

/// Handshakes at once.
const AT_ONCE: usize = 16;

pub(crate) async fn run(options: &Options) -> Result<()> {
    let descriptors = descriptors::raise()?;
    let connector = tls::connector(&options.folder)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    say(format_args!("http {}", listener.local_addr()?))?;
    drop(tokio::spawn(server::serve(listener)));
    let mut orders = input::lines();
    let line = orders.recv().await.context("nobody says whom to go to")?;
    let (target, count) = order(&line).with_context(|| format!("the order `{line}`"))?;
    // Of three clients two have a connection to the server as well, and both ends of that one are not ours alone.
    let count = count.min(descriptors.saturating_sub(500) * 3 / 5);

    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let (opened, mut opening) = tokio::sync::mpsc::channel(AT_ONCE);
    let (mut dripping, mut reading) = (JoinSet::new(), JoinSet::new());
    for number in 0..count {
        let kind = Kind::ALL.get(number % Kind::ALL.len()).copied().context("no kind")?;
        let (connector, gate, opened) = (connector.clone(), Arc::clone(&gate), opened.clone());
        let clients = if kind == Kind::Reader { &mut reading } else { &mut dripping };
        clients.spawn(async move {
            let turn = gate.acquire_owned().await;
            let slow = Slow::open(&connector, target, kind).await;
            drop(turn);
            let _ = opened.send(()).await;
            drop(opened);
            match slow {
                Ok(slow) => (kind, Some(slow.until_cut().await)),
                Err(_) => (kind, None),
            }
        });
    }
    drop(opened);
    while opening.recv().await.is_some() {}
    say(format_args!("opened {count}"))?;
    let mut outcome = Outcome::default();
    while let Some(ended) = dripping.join_next().await {
        let (kind, cut) = ended?;
        outcome.ended(kind, cut);
    }
    while let Some(ended) = reading.try_join_next() {
        let (kind, cut) = ended?;
        outcome.ended(kind, cut);
    }
    say(serde_json::to_string(&outcome)?)?;
    // The readers go on until nobody looks any more.
    while orders.recv().await.is_some() {}
    Ok(())
}

/// `open ADDRESS COUNT`.
fn order(line: &str) -> Result<(SocketAddr, usize)> {
    let (address, count) = line.strip_prefix("open ").and_then(|rest| rest.split_once(' ')).context("not `open`")?;
    Ok((address.parse()?, count.trim().parse()?))
}
