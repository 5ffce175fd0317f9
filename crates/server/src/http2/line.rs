//! A connection's socket: what comes is handed to the protocol, what that has to say is written. It must not know what
//! either means.

use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::BytesMut;
use sluicegate_http2::Connection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

/// Bytes that are read at once, at least and at most: more where a client sends much.
const LEAST: usize = 4 * 1024;
const MOST: usize = 64 * 1024;

/// Pieces that leave in one system call.
const PIECES: usize = 32;

/// A socket and what goes over it.
pub(super) struct Line<Io> {
    io: Io,
    input: BytesMut,
    step: usize,
    /// Not all that was written is known to have left.
    unflushed: bool,
    /// The way out is full: the client does not read.
    blocked: bool,
    /// The last read took all there was room for.
    more: bool,
    /// What would be answered has no room.
    full: bool,
    /// It was not read for that.
    missed: bool,
    /// Bytes that were written since this was asked.
    wrote: usize,
    shut: bool,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Line<Io> {
    pub(super) fn new(io: Io) -> Self {
        Self {
            io,
            input: BytesMut::new(),
            step: LEAST,
            unflushed: false,
            blocked: false,
            more: false,
            full: false,
            missed: false,
            wrote: 0,
            shut: false,
        }
    }

    pub(super) const fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Whether there is likely more to read.
    pub(super) const fn has_more(&self) -> bool {
        self.more
    }

    /// Bytes that were written since this was asked last.
    pub(super) const fn take_wrote(&mut self) -> usize {
        std::mem::replace(&mut self.wrote, 0)
    }

    /// Reads; how many bytes that was. Zero: the client is gone. Pending when there is nothing, or no room for answers.
    pub(super) fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<usize> {
        if self.full {
            self.missed = true;
            return Poll::Pending;
        }
        self.input.reserve(self.step);
        let room = self.input.capacity() - self.input.len();
        let fresh = ready!(poll_read_buf(Pin::new(&mut self.io), context, &mut self.input)).unwrap_or(0);
        self.more = fresh == room;
        if self.more {
            self.step = (self.step * 4).min(MOST);
        } else if fresh < LEAST {
            self.step = LEAST;
        }
        Poll::Ready(fresh)
    }

    /// Hands over what was read, of which `fresh` bytes are new; `false`: the client breaks the protocol.
    pub(super) fn hand_over(&mut self, connection: &mut Connection, fresh: usize, now: Instant) -> bool {
        let whole = connection.receive(&mut self.input, fresh, now).is_ok();
        self.full = !connection.is_hungry();
        if self.input.is_empty() && self.step == LEAST && self.input.capacity() > 4 * LEAST {
            self.input = BytesMut::new();
        }
        whole
    }

    /// Writes what there is. Ready with whether reading can go on for it, or with `Err` when nobody can be written to.
    pub(super) fn poll_write(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_>,
    ) -> Poll<Result<bool, ()>> {
        let written = self.poll_write_all(connection, context);
        self.full = !connection.is_hungry();
        written.map_ok(|()| std::mem::take(&mut self.missed))
    }

    fn poll_write_all(&mut self, connection: &mut Connection, context: &mut Context<'_>) -> Poll<Result<(), ()>> {
        while !connection.output().is_empty() {
            let mut pieces = [IoSlice::new(&[]); PIECES];
            let count = connection.output().slices(&mut pieces);
            let io = Pin::new(&mut self.io);
            let written = match pieces.get(..count).unwrap_or_default() {
                [one] => io.poll_write(context, one),
                several => io.poll_write_vectored(context, several),
            };
            match written {
                Poll::Ready(Ok(bytes @ 1..)) => {
                    connection.wrote(bytes);
                    self.wrote = self.wrote.saturating_add(bytes);
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
        Poll::Ready(Ok(()))
    }

    /// Writes what is left and says that it is over. `lingers`: reads on and forgets, so that the client meets the reason
    /// before it meets a reset; whoever drives the connection sees to the time.
    pub(super) fn poll_close(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_>,
        lingers: bool,
    ) -> Poll<()> {
        if !self.shut {
            if ready!(self.poll_write(connection, context)).is_err() {
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
