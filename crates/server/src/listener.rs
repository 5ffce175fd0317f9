//! Where connections come from, so that a test can put its own in place of a socket.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use crate::descriptors;

/// A source of connections.
pub trait Listener: Send + 'static {
    /// A connection: a byte stream both ways.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for the next connection and says who holds its other end. Must be cancel safe: a dropped future has taken
    /// no connection.
    ///
    /// # Errors
    /// The system's; the server waits a little and tries again.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Io, SocketAddr)>> + Send;

    /// Takes a connection off this runtime; what is returned gives it to the one that calls it.
    fn carry(io: Self::Io) -> impl FnOnce() -> io::Result<Self::Io> + Send + 'static {
        move || Ok(io)
    }

    /// Whether so many connections are open that there should be no other for now. Asked of each connection.
    fn is_last(_io: &Self::Io) -> bool {
        false
    }

    /// Whether there may be another one. Asked before each, once one was the last.
    fn has_room(&self) -> bool {
        true
    }

    /// The address listened on.
    ///
    /// # Errors
    /// The system's.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

impl Listener for TcpListener {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = Self::accept(self).await?;
        // Fails only on a connection that is already gone, which the first read finds out.
        let _ = stream.set_nodelay(true);
        Ok((stream, peer))
    }

    fn carry(io: TcpStream) -> impl FnOnce() -> io::Result<TcpStream> + Send + 'static {
        let io = io.into_std();
        move || TcpStream::from_std(io?)
    }

    fn is_last(io: &TcpStream) -> bool {
        descriptors::is_last(io)
    }

    fn has_room(&self) -> bool {
        descriptors::are_left(self)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }
}
