//! A connection's bytes, with three things HTTP leaves open: bytes read before HTTP began are given back first; an end
//! of input that only means "I have said all" is held back until the answer is out; and a close while the client still
//! sends lets it read the answer before it meets the reset.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::pulse::Pulse;

/// A client that shuts its sending side at once after a request waits for the answer; one that does so later has given
/// up (both look the same to TCP). Between the two lies this.
const HALF_CLOSE: Duration = Duration::from_millis(250);

/// How long a refused client may go on sending before it is reset.
const LINGER: Duration = Duration::from_secs(2);

/// The stream HTTP runs on.
#[derive(Debug)]
pub(crate) struct Stream<Io> {
    io: Io,
    /// Read while the protocol was found out.
    early: Bytes,
    pulse: Arc<Pulse>,
    /// Since when we have listened and heard nothing.
    silent: Option<Instant>,
    /// The client sends no more.
    ended: bool,
    /// ... and HTTP is not told before it has answered.
    held: bool,
    /// All that was written has left, and no request was in flight then.
    flushed: bool,
    /// Set once our side is shut and the rest of the client's is read away.
    lingering: Option<Pin<Box<Sleep>>>,
}

impl<Io> Stream<Io> {
    pub(crate) fn new(io: Io, early: Bytes, pulse: Arc<Pulse>) -> Self {
        if !early.is_empty() {
            pulse.arrived();
        }
        Self { io, early, pulse, silent: None, ended: false, held: false, flushed: true, lingering: None }
    }

    /// The input is at its end: shows it to HTTP, which takes it for a client that left, or holds it back.
    fn poll_ended(&mut self, context: &Context<'_>) -> Poll<io::Result<()>> {
        let answered = self.pulse.open() == 0 && self.flushed;
        if !self.ended {
            self.ended = true;
            // Without silence before it, the end came with the last bytes, however late HTTP asked for more.
            let late = self.silent.is_some_and(|since| since.elapsed() > HALF_CLOSE);
            let left = self.pulse.open() > 0 && late;
            self.held = self.pulse.http1 && !answered && !left;
            if self.held {
                self.pulse.end_input();
            }
        }
        if answered || !self.held {
            return Poll::Ready(Ok(()));
        }
        self.pulse.reader.register(context.waker());
        Poll::Pending
    }

    /// Reads and forgets, until the client has closed too or its time is up.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()>
    where
        Io: AsyncRead + Unpin,
    {
        let alarm = self.lingering.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        let mut scratch = [0; 8192];
        loop {
            if alarm.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.io).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                Ok(()) | Err(_) => return Poll::Ready(()),
            }
        }
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Stream<Io> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.early.has_remaining() {
            let length = self.early.len().min(into.remaining());
            into.put_slice(&self.early.split_to(length));
            return Poll::Ready(Ok(()));
        }
        if self.ended {
            return self.poll_ended(context);
        }
        let before = into.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(context, into);
        if polled.is_pending() && self.silent.is_none() && self.pulse.http1 {
            self.silent = Some(Instant::now());
        }
        ready!(polled)?;
        if into.filled().len() == before && into.remaining() > 0 {
            return self.poll_ended(context);
        }
        if self.pulse.http1 {
            self.silent = None;
            self.pulse.arrived();
        }
        Poll::Ready(Ok(()))
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<Io> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.flushed = false;
        let written = ready!(Pin::new(&mut self.io).poll_write(context, bytes))?;
        self.wrote();
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.flushed = false;
        let written = ready!(Pin::new(&mut self.io).poll_write_vectored(context, pieces))?;
        self.wrote();
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(context))?;
        self.flushed = self.pulse.open() == 0;
        if self.ended && self.flushed {
            self.pulse.reader.wake();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.io).poll_shutdown(context))?;
            if !self.pulse.http1 || self.ended || !self.pulse.unread() {
                return Poll::Ready(Ok(()));
            }
        }
        self.poll_linger(context).map(Ok)
    }
}

impl<Io> Stream<Io> {
    fn wrote(&self) {
        // On HTTP/2 we answer pings too: only an answer's own bytes count there.
        if self.pulse.http1 {
            self.pulse.progressed();
        }
    }
}
