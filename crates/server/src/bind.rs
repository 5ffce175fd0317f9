//! Opens listening sockets.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::TcpListener;

/// Connections the kernel may hold before they are accepted; it cuts this to its own `somaxconn`.
const BACKLOG: i32 = 4096;

/// A peer that vanished without a word (power, network) is found after about a minute and a half.
const KEEPALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(10));

/// A listener that could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("listener '{name}': cannot listen on {address}: {cause}")]
pub struct BindError {
    /// The listener's name.
    pub name: Arc<str>,
    /// The address asked for.
    pub address: SocketAddr,
    /// What the system said.
    #[source]
    pub cause: io::Error,
}

/// Opens a socket that listens on `address`. Must run within a tokio runtime.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // So that a restart need not wait for the old connections' TIME_WAIT to end.
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit it on Linux; elsewhere it is a loss of comfort only.
    let _ = socket.set_tcp_keepalive(&KEEPALIVE);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Listens on a socket that was opened by another process, and stays open there. Must run within a tokio runtime.
pub(crate) fn listen_on(socket: &OwnedFd) -> io::Result<TcpListener> {
    tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
    let listener = std::net::TcpListener::from(socket.try_clone()?);
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}
