//! The least a proxy can do: bytes from one socket to another, unread. A connection of its own for each client's.

use std::net::SocketAddr;

use anyhow::Result;
use clap::Args;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};

use crate::say;

/// Bytes taken at once.
const PIECE: usize = 64 * 1024;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where the bytes go
    #[arg(long)]
    pub(crate) upstream: SocketAddr,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    say(format_args!("http {}", listener.local_addr()?))?;
    let upstream = options.upstream;
    loop {
        let (client, _) = listener.accept().await?;
        // A connection that breaks is the client's to report.
        drop(tokio::spawn(async move {
            let _ = pass(client, upstream).await;
        }));
    }
}

async fn pass(mut client: TcpStream, upstream: SocketAddr) -> Result<()> {
    let mut server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    copy_bidirectional_with_sizes(&mut client, &mut server, PIECE, PIECE).await?;
    Ok(())
}
