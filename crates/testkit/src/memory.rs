//! A network in memory: connections without sockets, so that a test may pause time.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;

/// Bytes one direction of a connection holds before its writer waits.
const BUFFER: usize = 64 * 1024;

/// Connections that may wait to be accepted.
const BACKLOG: usize = 1024;

/// Makes listeners and the dialers that reach them.
#[derive(Debug)]
pub struct MemoryNet;

/// Takes connections. Dropped, it refuses them.
#[derive(Debug)]
pub struct MemoryListener {
    address: SocketAddr,
    queue: mpsc::Receiver<(DuplexStream, SocketAddr)>,
}

/// Makes connections to one listener. Clones reach the same one.
#[derive(Clone, Debug)]
pub struct MemoryDialer {
    address: SocketAddr,
    next_port: Arc<AtomicU16>,
    queue: mpsc::Sender<(DuplexStream, SocketAddr)>,
}

impl MemoryNet {
    /// A listener that calls itself `address`, and what connects to it.
    #[must_use]
    pub fn listen(address: SocketAddr) -> (MemoryListener, MemoryDialer) {
        let (sender, queue) = mpsc::channel(BACKLOG);
        let dialer = MemoryDialer { address, next_port: Arc::new(AtomicU16::new(40_000)), queue: sender };
        (MemoryListener { address, queue }, dialer)
    }

    /// As [`MemoryNet::listen`], at an address that does not matter.
    #[must_use]
    pub fn anywhere() -> (MemoryListener, MemoryDialer) {
        Self::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)))
    }
}

impl MemoryListener {
    /// The next connection and a made-up address of its other end. Cancel safe.
    ///
    /// # Errors
    /// Every dialer is gone and their connections are taken.
    pub async fn accept(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        self.queue.recv().await.ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    /// The address given to it.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

impl MemoryDialer {
    /// Connects; as with a socket, this does not wait until the connection is accepted.
    ///
    /// # Errors
    /// The listener is gone, or its queue is full: connection refused.
    pub async fn connect(&self) -> io::Result<DuplexStream> {
        let (ours, theirs) = duplex(BUFFER);
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, self.next_port.fetch_add(1, Ordering::SeqCst)));
        self.queue.try_send((theirs, peer)).map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
        Ok(ours)
    }

    /// The listener's address.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::MemoryNet;

    #[tokio::test]
    async fn carries_bytes_and_half_closes() {
        let (mut listener, dialer) = MemoryNet::anywhere();
        let mut client = dialer.connect().await.unwrap();
        let (mut server, peer) = listener.accept().await.unwrap();
        assert!(peer.ip().is_loopback());
        client.write_all(b"ping").await.unwrap();
        client.shutdown().await.unwrap();
        let mut got = Vec::new();
        server.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"ping");
        server.write_all(b"pong").await.unwrap();
        drop(server);
        got.clear();
        client.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"pong");
    }

    #[tokio::test]
    async fn refuses_without_a_listener() {
        let (listener, dialer) = MemoryNet::anywhere();
        drop(listener);
        assert_eq!(dialer.connect().await.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    }
}
