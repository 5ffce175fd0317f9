//! How a byte stream to an endpoint comes about. Must not know what is spoken over it.

use std::io;

use sluicegate_core::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};

/// A byte stream in both directions.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// Opens byte streams. Injected, so that a test can hold the network.
pub trait Connector: Send + Sync + 'static {
    /// Opens a stream to `authority` (`host:port`). Dropping the future gives up. The caller limits the time.
    fn connect<'a>(&'a self, authority: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Io>>>;
}

/// Plain TCP, by the system's resolver. The addresses of a name are tried one after the other.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpConnector;

impl Connector for TcpConnector {
    fn connect<'a>(&'a self, authority: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Io>>> {
        Box::pin(async move {
            let mut last = None;
            for address in lookup_host(authority).await? {
                match TcpStream::connect(address).await {
                    Ok(stream) => {
                        // A request is written in one piece: waiting for more would only delay it.
                        stream.set_nodelay(true)?;
                        return Ok(Box::new(stream) as Box<dyn Io>);
                    }
                    Err(error) => last = Some(error),
                }
            }
            Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address")))
        })
    }
}
