//! The gateway's sockets, simulated: what it listens on and what it connects with. All that passes is looked at, so that
//! it is known which requests went where, and which clients have seen something of their answer.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use sluicegate_adapters::http::{Connector, Io};
use sluicegate_core::BoxFuture;
use sluicegate_server::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::{TcpListener, TcpStream};

use super::journal::{Journal, What};
use super::message::{LONGEST, find};

/// The HTTP/2 library of clients and servers counts this time by the system's clock; what a run does must not depend on that.
pub(super) const RESET_MEMORY: Duration = Duration::MAX;

/// The gateway's listener.
pub(super) struct Listening {
    pub(super) listener: TcpListener,
    pub(super) journal: Journal,
}

/// The gateway's way to the servers.
pub(super) struct Dialing(pub(super) Journal);

/// One of the gateway's connections.
pub(super) struct Tapped {
    stream: TcpStream,
    /// The server's name; `None` where the other end is a client.
    server: Option<String>,
    /// The last bytes written, in which a mark may have begun.
    tail: Vec<u8>,
    journal: Journal,
}

impl Listener for Listening {
    type Io = Tapped;

    async fn accept(&mut self) -> io::Result<(Tapped, SocketAddr)> {
        let (stream, peer) = self.listener.accept().await?;
        Ok((Tapped { stream, server: None, tail: Vec::new(), journal: self.journal.clone() }, peer))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connector for Dialing {
    fn connect<'a>(&'a self, authority: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Io>>> {
        let journal = self.0.clone();
        Box::pin(async move {
            let stream = TcpStream::connect(authority).await?;
            let server = authority.split(':').next().map(str::to_owned);
            Ok(Box::new(Tapped { stream, server, tail: Vec::new(), journal }) as Box<dyn Io>)
        })
    }
}

impl Tapped {
    fn wrote(&mut self, bytes: &[u8]) {
        // Over HTTP/2 an answer's head is as long as the time of day makes it.
        let count = if self.server.is_some() { bytes.len() } else { 0 };
        self.journal.note(What::Passed { written: true, bytes: count });
        self.tail.extend_from_slice(bytes);
        while let Some((request, end)) = find(&self.tail) {
            self.tail.drain(..end);
            let what = match self.server.clone() {
                Some(endpoint) => What::Tried { request, endpoint },
                None => What::Answering { request },
            };
            self.journal.note(what);
        }
        let keep = self.tail.len().saturating_sub(LONGEST);
        self.tail.drain(..keep);
    }
}

impl AsyncRead for Tapped {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let result = Pin::new(&mut this.stream).poll_read(context, buffer);
        if result.is_ready() {
            this.journal.note(What::Passed { written: false, bytes: buffer.filled().len() - before });
        }
        result
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = &result {
            this.wrote(&bytes[..*count]);
        }
        result
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
