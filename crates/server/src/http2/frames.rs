//! Counts the frames a client sends, before the library sees them. A frame that asks for nothing to be served costs its
//! sender next to nothing and us some work, often an answer too. What a client has reason to send grows with what it is
//! sent; the rest is borne up to a cap.
//!
//! It looks at the nine bytes before each frame and copies nothing. It must not know what frames mean beyond that.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::tally::Tally;

/// The time over which is counted.
const SPAN: Duration = Duration::from_secs(10);

/// Bytes before a frame's payload (RFC 9113, section 4.1).
const HEADER: usize = 9;

/// A connection's bytes.
#[derive(Debug)]
pub(super) struct Frames<Io> {
    io: Io,
    /// What was read while the protocol was found out.
    early: Bytes,
    place: Place,
    count: Count,
    tally: Arc<Tally>,
}

/// Where in a frame the bytes read so far end.
#[derive(Debug, Default)]
struct Place {
    header: [u8; HEADER],
    /// Bytes of the header that are there.
    known: usize,
    /// Bytes of the payload still to come.
    payload: usize,
}

/// What a frame says of itself.
#[derive(Clone, Copy, Debug)]
struct Frame {
    length: usize,
    kind: u8,
    flags: u8,
}

/// Frames within the present span, against what was sent in it.
#[derive(Debug)]
struct Count {
    cap: u64,
    until: Instant,
    requests: u64,
    /// Pings, settings, priorities, empty pieces of heads and bodies, and what nobody knows.
    idle: u64,
    /// Room given.
    rooms: u64,
    /// Requests taken back.
    resets: u64,
    /// What had been sent, and answered, when the span began.
    sent_before: u64,
    answered_before: u64,
}

impl<Io> Frames<Io> {
    /// `early` is handed on first, and is not counted. `cap`: frames in a span that are borne without reason.
    pub(super) fn new(io: Io, early: Bytes, cap: u32, tally: Arc<Tally>) -> Self {
        let count = Count {
            cap: u64::from(cap),
            until: Instant::now(),
            requests: 0,
            idle: 0,
            rooms: 0,
            resets: 0,
            sent_before: 0,
            answered_before: 0,
        };
        Self { io, early, place: Place::default(), count, tally }
    }
}

impl Place {
    /// Follows `bytes`; tells `each` of every frame that begins in them. `Err` is where the first one begins that it does
    /// not want.
    fn follow(&mut self, bytes: &[u8], mut each: impl FnMut(Frame) -> bool) -> Result<(), usize> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let skipped = self.payload.min(rest.len());
            self.payload -= skipped;
            rest.advance(skipped);
            let begins = (bytes.len() - rest.len()).saturating_sub(self.known);
            let Some(missing) = self.header.get_mut(self.known..) else { break };
            let taken = missing.len().min(rest.len());
            missing.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            self.known += taken;
            rest.advance(taken);
            if self.known == HEADER {
                let frame = Frame::of(self.header);
                (self.known, self.payload) = (0, frame.length);
                if !each(frame) {
                    return Err(begins);
                }
            }
        }
        Ok(())
    }
}

impl Frame {
    fn of(header: [u8; HEADER]) -> Self {
        let [high, middle, low, kind, flags, ..] = header;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        Self { length, kind, flags }
    }

    fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

impl Count {
    /// Counts a frame; `false` if it is one too many.
    ///
    /// Beyond the cap, a client may send a ping for each head or piece it was sent (gRPC clients measure their line with
    /// them) and a priority for each request; make room a few times for each of those; and take back requests as often as
    /// others of its requests are answered.
    fn bear(&mut self, frame: Frame, tally: &Tally) -> bool {
        /// `END_STREAM` or `ACK`.
        const FLAG: u8 = 1;
        match (frame.kind, frame.length) {
            // DATA: an empty one ends a body, or says nothing. SETTINGS: the library refuses an acknowledgement too many.
            (0, 1..) => return true,
            (0, 0) | (4, _) if frame.has(FLAG) => return true,
            // HEADERS
            (1, _) => {
                self.requests += 1;
                return true;
            }
            // CONTINUATION: those with content are bounded by the size of a head.
            (9, 1..) => return true,
            _ => {}
        }
        let now = Instant::now();
        if now >= self.until {
            let (sent_before, answered_before) = (tally.sent_so_far(), tally.answered_so_far());
            let requests = u64::from(self.requests > 0);
            let until = now + SPAN;
            *self = Self { until, requests, idle: 0, rooms: 0, resets: 0, sent_before, answered_before, ..*self };
        }
        let reasons = self.requests.saturating_add(tally.sent_so_far().saturating_sub(self.sent_before));
        match frame.kind {
            // RST_STREAM
            3 => {
                self.resets += 1;
                let answered = tally.answered_so_far().saturating_sub(self.answered_before);
                self.resets <= self.cap.saturating_mul(5).saturating_add(answered)
            }
            // WINDOW_UPDATE
            8 => {
                self.rooms += 1;
                self.rooms <= self.cap.saturating_mul(10).saturating_add(reasons.saturating_mul(4))
            }
            _ => {
                self.idle += 1;
                self.idle <= self.cap.saturating_add(reasons)
            }
        }
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Frames<Io> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.early.has_remaining() {
            let length = this.early.len().min(into.remaining());
            into.put_slice(&this.early.split_to(length));
            return Poll::Ready(Ok(()));
        }
        if this.tally.is_flooded() {
            // Whoever drives the connection is told by the tally, and ends it.
            return Poll::Pending;
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(context, into))?;
        let (count, tally) = (&mut this.count, &this.tally);
        let mut heard = 0;
        let followed = this.place.follow(into.filled().get(before..).unwrap_or_default(), |frame| {
            heard += 1;
            count.bear(frame, tally)
        });
        tally.hear(heard);
        if let Err(end) = followed {
            tally.flood();
            into.set_filled(before + end);
            // Not the end of the input, which an empty read would be.
            if end == 0 {
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<Io: AsyncWrite + Unpin> Frames<Io> {
    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(bytes)) => self.tally.wrote(*bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.tally.block(),
        }
        written
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Frames<Io> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, pieces);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_shutdown(context))?;
        if !self.tally.is_flooded() {
            return Poll::Ready(Ok(()));
        }
        // Reads on and forgets, so that the client meets the reason before it meets a reset. Whoever drives the connection
        // sees to the time.
        let mut scratch = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut self.io).poll_read(context, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

#[cfg(test)]
mod tests;
