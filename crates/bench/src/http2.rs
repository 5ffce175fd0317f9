//! Clients' side of HTTP/2: one connection for all, and a new one when it takes no more.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use h2::client::{self, SendRequest};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::AbortHandle;

/// Windows so wide that nobody waits for them.
const WINDOW: u32 = 16 << 20;

pub(crate) struct Connections {
    target: SocketAddr,
    sender: Mutex<Option<SendRequest<Bytes>>>,
}

impl Connections {
    pub(crate) const fn new(target: SocketAddr) -> Self {
        Self { target, sender: Mutex::const_new(None) }
    }

    /// One that takes a request now.
    pub(crate) async fn sender(&self) -> Result<SendRequest<Bytes>> {
        let mut kept = self.sender.lock().await;
        if let Some(sender) = kept.clone()
            && let Ok(ready) = sender.ready().await
        {
            return Ok(ready);
        }
        let sender = open(self.target).await?;
        *kept = Some(sender.clone());
        Ok(sender.ready().await?)
    }
}

/// A new connection.
pub(crate) async fn open(target: SocketAddr) -> Result<SendRequest<Bytes>> {
    Ok(open_held(target).await?.0)
}

/// A new connection, and the task that can be ended to close it without a word.
pub(crate) async fn open_held(target: SocketAddr) -> Result<(SendRequest<Bytes>, AbortHandle)> {
    let stream = TcpStream::connect(target).await.context("cannot connect")?;
    stream.set_nodelay(true)?;
    let mut builder = client::Builder::new();
    builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
    let (sender, connection) = builder.handshake::<_, Bytes>(stream).await?;
    // What breaks it, each of its streams learns.
    let task = tokio::spawn(async { connection.await.unwrap_or_default() });
    Ok((sender, task.abort_handle()))
}
