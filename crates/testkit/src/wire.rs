//! A client that says exactly what it is told to say, byte by byte.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::response::{Response, head_end, message_end};
use crate::waiting::{PATIENCE, within_time};

/// A raw connection. Reading methods fail the test when what they wait for does not come in time.
#[derive(Debug)]
pub struct Wire<Io = TcpStream> {
    io: Io,
    /// Read from the connection and not yet taken.
    pending: Vec<u8>,
    patience: Duration,
}

impl Wire<TcpStream> {
    /// Connects to a real socket.
    ///
    /// # Panics
    /// It cannot be connected to.
    pub async fn connect(address: SocketAddr) -> Self {
        match Self::try_connect(address).await {
            Ok(wire) => wire,
            Err(error) => panic!("cannot connect to {address}: {error}"),
        }
    }

    /// As [`Wire::connect`], where being refused is an answer.
    ///
    /// # Errors
    /// The system's.
    pub async fn try_connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self::over(stream))
    }

    /// Breaks the connection off with a reset.
    ///
    /// # Panics
    /// The system does not let it.
    pub fn reset(self) {
        assert!(self.io.set_zero_linger().is_ok(), "cannot set SO_LINGER");
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Wire<Io> {
    /// Speaks over any stream.
    pub fn over(io: Io) -> Self {
        Self { io, pending: Vec::new(), patience: PATIENCE }
    }

    /// The same wire, with another time to wait; where time is paused it must be longer than any timer under test.
    #[must_use]
    pub fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sends `bytes`.
    ///
    /// # Panics
    /// The connection is broken.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        if let Err(error) = self.try_send(bytes).await {
            panic!("cannot send: {error}");
        }
    }

    /// Sends `bytes`, where the other side may have closed already.
    ///
    /// # Errors
    /// The connection is broken.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let sending = async {
            self.io.write_all(bytes.as_ref()).await?;
            self.io.flush().await
        };
        within_time(self.patience, "the connection to take bytes", sending).await
    }

    /// Sends `pieces` as so many writes.
    ///
    /// # Panics
    /// The connection is broken.
    pub async fn send_pieces(&mut self, pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) {
        for piece in pieces {
            self.send(piece).await;
            tokio::task::yield_now().await;
        }
    }

    /// Says that nothing more will be sent; still reads.
    ///
    /// # Panics
    /// The connection is broken.
    pub async fn finish(&mut self) {
        if let Err(error) = self.io.shutdown().await {
            panic!("cannot half-close: {error}");
        }
    }

    /// Reads a head, up to and with its empty line.
    ///
    /// # Panics
    /// The connection ends before.
    pub async fn read_head(&mut self) -> String {
        let head = self.read_until("a complete head", head_end).await;
        String::from_utf8_lossy(&head).into_owned()
    }

    /// Reads one answer, head and body by its own framing; one without framing has no body.
    ///
    /// # Panics
    /// The connection ends before.
    pub async fn read_response(&mut self) -> Response {
        let bytes = self.read_until("a complete answer", message_end).await;
        Response::split(&bytes)
    }

    /// Reads `count` bytes.
    ///
    /// # Panics
    /// The connection ends before.
    pub async fn read_exact(&mut self, count: usize) -> Vec<u8> {
        self.read_until("enough bytes", |bytes| (bytes.len() >= count).then_some(count)).await
    }

    /// Reads until `what` has come: `end` says how many of the bytes at hand it takes.
    ///
    /// # Panics
    /// The connection ends before.
    pub async fn read_until(&mut self, what: &str, end: impl Fn(&[u8]) -> Option<usize>) -> Vec<u8> {
        let patience = self.patience;
        let reading = async {
            loop {
                if let Some(end) = end(&self.pending) {
                    let rest = self.pending.split_off(end);
                    return std::mem::replace(&mut self.pending, rest);
                }
                match self.io.read_buf(&mut self.pending).await {
                    Ok(0) => panic!("the connection ended before {what}; got {:?}", self.text()),
                    Err(error) => panic!("the connection broke before {what}: {error}; got {:?}", self.text()),
                    Ok(_) => {}
                }
            }
        };
        within_time(patience, what, reading).await
    }

    /// Reads to the end of the connection.
    ///
    /// # Panics
    /// It breaks instead of ending.
    pub async fn read_to_end(&mut self) -> Vec<u8> {
        match self.try_read_to_end().await {
            Ok(bytes) => bytes,
            Err(error) => panic!("the connection broke instead of ending: {error}"),
        }
    }

    /// Reads to the end of the connection, where it may break instead.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn try_read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let reading = self.io.read_to_end(&mut self.pending);
        within_time(self.patience, "the end of the connection", reading).await?;
        Ok(std::mem::take(&mut self.pending))
    }

    /// The stream, for a client of one's own.
    pub fn into_inner(self) -> Io {
        self.io
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.pending).into_owned()
    }
}
