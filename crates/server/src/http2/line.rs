//! A connection's socket: what comes is handed to the protocol, what that has to say is written. It must not know what
//! either means.

use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use sluicegate_http2::Shared;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_util::io::poll_read_buf;

/// Bytes that are read at once, at least and at most: more where a client sends much.
const LEAST: usize = 4 * 1024;
const MOST: usize = 64 * 1024;

/// Reads in a row before what came is looked at.
const READS: usize = 4;

/// Pieces that leave in one system call.
const PIECES: usize = 32;

/// A socket and what goes over it.
pub(super) struct Line<Io> {
    io: Io,
    connection: Shared,
    input: BytesMut,
    step: usize,
    /// Not all that was written is known to have left.
    unflushed: bool,
    /// The way out is full: the client does not read.
    blocked: bool,
    /// It was not read because what would be answered has no room.
    full: bool,
    shut: bool,
}

/// What reading came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// There may be more.
    More,
    /// The client breaks the protocol.
    Broken,
    /// The client is gone.
    Gone,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Line<Io> {
    pub(super) fn new(io: Io, connection: Shared) -> Self {
        let input = BytesMut::new();
        Self { io, connection, input, step: LEAST, unflushed: false, blocked: false, full: false, shut: false }
    }

    pub(super) const fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Reads what there is; pending when that is all.
    pub(super) fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Read> {
        let now = Instant::now().into_std();
        for _ in 0..READS {
            self.full = !self.connection.lock().is_hungry();
            if self.full {
                return Poll::Pending;
            }
            self.input.reserve(self.step);
            let room = self.input.capacity() - self.input.len();
            let Ok(fresh @ 1..) = ready!(poll_read_buf(Pin::new(&mut self.io), context, &mut self.input)) else {
                return Poll::Ready(Read::Gone);
            };
            if fresh == room {
                self.step = (self.step * 4).min(MOST);
            } else if fresh < LEAST {
                self.step = LEAST;
            }
            if self.connection.lock().receive(&mut self.input, fresh, now).is_err() {
                return Poll::Ready(Read::Broken);
            }
            if self.input.is_empty() && self.step == LEAST && self.input.capacity() > 4 * LEAST {
                self.input = BytesMut::new();
            }
        }
        Poll::Ready(Read::More)
    }

    /// Writes what there is. Ready with whether reading can go on for it, or with `Err` when nobody can be written to.
    pub(super) fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<Result<bool, ()>> {
        let connection = Arc::clone(&self.connection);
        loop {
            let mut connection = connection.lock();
            let output = connection.output();
            if output.is_empty() {
                break;
            }
            let mut pieces = [IoSlice::new(&[]); PIECES];
            let count = output.slices(&mut pieces);
            let pieces = pieces.get(..count).unwrap_or_default();
            let io = Pin::new(&mut self.io);
            let written = match pieces {
                [one] => io.poll_write(context, one),
                several => io.poll_write_vectored(context, several),
            };
            match written {
                Poll::Ready(Ok(bytes @ 1..)) => {
                    connection.wrote(bytes);
                    (self.blocked, self.unflushed) = (false, true);
                }
                Poll::Ready(_) => return Poll::Ready(Err(())),
                Poll::Pending => {
                    self.blocked = true;
                    return Poll::Pending;
                }
            }
        }
        if self.unflushed {
            match Pin::new(&mut self.io).poll_flush(context) {
                Poll::Ready(Ok(())) => (self.blocked, self.unflushed) = (false, false),
                Poll::Ready(Err(_)) => return Poll::Ready(Err(())),
                Poll::Pending => {
                    self.blocked = true;
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(std::mem::take(&mut self.full)))
    }

    /// Writes what is left and says that it is over. `lingers`: reads on and forgets, so that the client meets the reason
    /// before it meets a reset; whoever drives the connection sees to the time.
    pub(super) fn poll_close(&mut self, context: &mut Context<'_>, lingers: bool) -> Poll<()> {
        if !self.shut {
            if ready!(self.poll_write(context)).is_err() {
                return Poll::Ready(());
            }
            if ready!(Pin::new(&mut self.io).poll_shutdown(context)).is_err() {
                return Poll::Ready(());
            }
            self.shut = true;
        }
        if !lingers {
            return Poll::Ready(());
        }
        let mut scratch = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            let read = ready!(Pin::new(&mut self.io).poll_read(context, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(());
            }
        }
    }
}
