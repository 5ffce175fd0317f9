//! The socket of a connection: what comes is handed to the protocol, what that has to say is written. Must not know what
//! either means.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use sluicegate_http2::{Connection, Shared};
use tokio::io::AsyncWrite as _;
use tokio::time::Instant;
use tokio_util::io::poll_read_buf;

use super::super::Io;

/// Bytes that are read at once, at least and at most: more where a server sends much.
const LEAST: usize = 4 * 1024;
const MOST: usize = 128 * 1024;

/// Reads in a row before others have their turn.
const READS: usize = 8;

/// Pieces that leave in one system call.
const PIECES: usize = 32;

/// A socket and what goes over it.
pub(super) struct Pump {
    io: Box<dyn Io>,
    protocol: Shared,
    input: BytesMut,
    step: usize,
    unflushed: bool,
    /// What would be answered has no room, so that nothing is read.
    full: bool,
}

impl Pump {
    pub(super) fn new(io: Box<dyn Io>, protocol: Shared) -> Self {
        Self { io, protocol, input: BytesMut::new(), step: LEAST, unflushed: false, full: false }
    }

    /// Reads what there is; ready when the connection is over, of which its streams know.
    pub(super) fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut now = None;
        for _ in 0..READS {
            if self.full {
                return Poll::Pending;
            }
            self.input.reserve(self.step);
            let room = self.input.capacity() - self.input.len();
            let fresh = match ready!(poll_read_buf(Pin::new(&mut self.io), context, &mut self.input)) {
                Ok(fresh @ 1..) => fresh,
                Ok(_) => return over(&mut self.protocol.lock(), "the connection was closed"),
                Err(error) => return over(&mut self.protocol.lock(), broken(&error)),
            };
            if fresh == room {
                self.step = (self.step * 4).min(MOST);
            } else if fresh < LEAST {
                self.step = LEAST;
            }
            let now = *now.get_or_insert_with(|| Instant::now().into_std());
            let mut protocol = self.protocol.lock();
            if protocol.receive(&mut self.input, fresh, now).is_err() {
                return Poll::Ready(());
            }
            self.full = !protocol.is_hungry();
            drop(protocol);
            if self.input.is_empty() && self.step == LEAST && self.input.capacity() > 4 * LEAST {
                self.input = BytesMut::new();
            }
        }
        // The rest in another turn.
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes what there is; ready when the connection is over, of which its streams know.
    pub(super) fn poll_write(&mut self, protocol: &mut Connection, context: &mut Context<'_>) -> Poll<()> {
        while !protocol.output().is_empty() {
            let mut pieces = [IoSlice::new(&[]); PIECES];
            let count = protocol.output().slices(&mut pieces);
            let io = Pin::new(&mut self.io);
            let written = match pieces.get(..count).unwrap_or_default() {
                [one] => io.poll_write(context, one),
                several => io.poll_write_vectored(context, several),
            };
            match ready!(written) {
                Ok(bytes @ 1..) => {
                    protocol.wrote(bytes);
                    self.unflushed = true;
                    if std::mem::replace(&mut self.full, !protocol.is_hungry()) && !self.full {
                        // It was not read while that was in the way.
                        context.waker().wake_by_ref();
                    }
                }
                Ok(_) => return over(protocol, "the connection takes nothing more"),
                Err(error) => return over(protocol, broken(&error)),
            }
        }
        if self.unflushed {
            self.unflushed = false;
            match Pin::new(&mut self.io).poll_flush(context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return over(protocol, broken(&error)),
                Poll::Pending => self.unflushed = true,
            }
        }
        Poll::Pending
    }

    /// Says what there is to say, as far as that can be said at once.
    pub(super) fn close(&mut self, protocol: &mut Connection, context: &mut Context<'_>) {
        if self.poll_write(protocol, context).is_pending() {
            // Whether the server hears of it is its own affair.
            let _ = Pin::new(&mut self.io).poll_shutdown(context);
        }
    }
}

fn over(protocol: &mut Connection, what: &'static str) -> Poll<()> {
    protocol.gone(what);
    Poll::Ready(())
}

fn broken(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionReset => "the connection was reset",
        io::ErrorKind::BrokenPipe => "the connection was closed",
        io::ErrorKind::TimedOut => "the connection timed out",
        io::ErrorKind::UnexpectedEof => "the connection was cut",
        io::ErrorKind::InvalidData => "TLS broke on the connection",
        _ => "the connection broke",
    }
}
