//! One connection's socket and what was read of it. Only one reads at a time: the connection, or the body of the request that
//! it serves.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use sluicegate_core::http1::{ChunkRead, Chunks};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_util::io::poll_read_buf;

use super::parse::Framing;
use super::scratch;

/// Room made before a head, or bytes that nobody asked for, are read.
pub(super) const ROOM: usize = 8 * 1024;

/// Most room made for a body at once.
const LARGE: usize = 256 * 1024;

/// A client that shuts its sending side at once after a request waits for the answer; one that does so later has given
/// up (both look the same to TCP). Between the two lies this.
const HALF_CLOSE: Duration = Duration::from_millis(250);

/// Tells a client that its body is wanted (RFC 9110, section 10.1.1).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The socket and what was read.
pub(super) struct State<Io> {
    /// Gone once the connection is: whoever still holds the body must not hold the socket.
    io: Option<Io>,
    /// Read, and not used yet.
    pub(super) input: BytesMut,
    /// What is still to come of the current request's body.
    rest: Rest,
    /// Somebody holds that body.
    held: bool,
    /// Somebody has begun to read it.
    asked: bool,
    /// The client sends no more.
    ended: bool,
    /// Since when we have listened while a request was served, and heard nothing.
    silent: Option<Instant>,
    /// What is still to be said before the body comes, if anything.
    interim: &'static [u8],
    /// The connection, waiting for the body to be read so that it may listen itself.
    waiting: Option<Waker>,
}

/// What is still to come of a body.
#[derive(Debug)]
enum Rest {
    Nothing,
    Length(u64),
    Chunked(Chunks),
    Broken(&'static str),
}

impl<Io> State<Io> {
    /// A connection over `io`, of which `early` was read before.
    pub(super) fn over(io: Io, early: &Bytes) -> Self {
        Self::new(Some(io), BytesMut::from(&**early))
    }

    fn new(io: Option<Io>, input: BytesMut) -> Self {
        Self {
            io,
            input,
            rest: Rest::Nothing,
            held: false,
            asked: false,
            ended: false,
            silent: None,
            interim: &[],
            waiting: None,
        }
    }

    /// What stays where the state was.
    pub(super) fn gone() -> Self {
        Self::new(None, BytesMut::new())
    }

    /// A request begins whose body is framed so, and waited for with its client if `expects`.
    pub(super) fn begin(&mut self, framing: Framing, expects: bool) {
        self.rest = match framing {
            Framing::None => Rest::Nothing,
            Framing::Length(length) => Rest::Length(length),
            Framing::Chunked => Rest::Chunked(Chunks::default()),
        };
        self.asked = false;
        self.interim = if expects && self.input.is_empty() { CONTINUE } else { &[] };
    }

    /// The body, if all of it is here already and there is no more to it than its length.
    pub(super) fn whole_body(&mut self) -> Option<Bytes> {
        let Rest::Length(length) = self.rest else { return None };
        let length = usize::try_from(length).ok().filter(|length| *length <= self.input.len())?;
        self.rest = Rest::Nothing;
        Some(self.input.split_to(length).freeze())
    }

    /// Who reads the body now.
    pub(super) const fn hold_body(&mut self, held: bool) {
        self.held = held;
    }

    /// Bytes that a body of known length still has.
    pub(super) const fn body_left(&self) -> Option<u64> {
        match self.rest {
            Rest::Nothing => Some(0),
            Rest::Length(left) => Some(left),
            Rest::Chunked(_) | Rest::Broken(_) => None,
        }
    }

    /// Whether the body was read to its end.
    pub(super) const fn body_is_read(&self) -> bool {
        matches!(self.rest, Rest::Nothing)
    }

    /// What is still to come of the body comes to nobody: it is read away from here on. Whoever holds it is told, lest it
    /// take what is left for the whole.
    pub(super) fn abandon_body(&mut self) {
        if !self.body_is_read() {
            self.rest = Rest::Broken("the connection is being closed");
        }
    }

    /// Whether the client sends no more.
    pub(super) const fn is_ended(&self) -> bool {
        self.ended
    }

    /// What of an interim answer has begun to leave, and must leave before anything else.
    pub(super) fn interim_begun(&mut self) -> &'static [u8] {
        let rest = std::mem::take(&mut self.interim);
        if rest.len() == CONTINUE.len() { &[] } else { rest }
    }

    /// Gives back the room of what was read and used: a connection that waits holds none.
    pub(super) fn shrink(&mut self) {
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
    }

    /// Closes the socket, whoever else holds on to the connection.
    pub(super) fn cut(&mut self) {
        self.io = None;
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> State<Io> {
    /// The next bytes of the body; `None` at its end.
    pub(super) fn poll_body(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, &'static str>>> {
        self.asked = true;
        loop {
            match &mut self.rest {
                Rest::Nothing => return Poll::Ready(None),
                Rest::Broken(why) => return Poll::Ready(Some(Err(why))),
                Rest::Length(left) if !self.input.is_empty() => {
                    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(self.input.len());
                    *left = left.saturating_sub(length as u64);
                    if *left == 0 {
                        self.body_ended(Rest::Nothing);
                    }
                    return Poll::Ready(Some(Ok(self.input.split_to(length).freeze())));
                }
                Rest::Length(_) => {}
                Rest::Chunked(chunks) => match chunks.read(&mut self.input) {
                    Ok(ChunkRead::Data(data)) => return Poll::Ready(Some(Ok(data))),
                    Ok(ChunkRead::Done) => self.body_ended(Rest::Nothing),
                    Ok(ChunkRead::More) if self.ended => {
                        self.body_ended(Rest::Broken("the client ended it before its end"))
                    }
                    Ok(ChunkRead::More) => {}
                    Err(why) => self.body_ended(Rest::Broken(why)),
                },
            }
            if matches!(self.rest, Rest::Nothing | Rest::Broken(_)) {
                continue;
            }
            if self.ended {
                self.body_ended(Rest::Broken("the client ended it before its length"));
                continue;
            }
            while !self.interim.is_empty() {
                let interim = self.interim;
                let sent = ready!(self.poll_write(context, &[IoSlice::new(interim)]));
                match sent {
                    Ok(sent) => self.interim = interim.get(sent..).unwrap_or_default(),
                    Err(_) => self.body_ended(Rest::Broken("the connection broke")),
                }
            }
            let room = match self.rest {
                Rest::Length(left) => usize::try_from(left).unwrap_or(usize::MAX).clamp(ROOM, LARGE),
                _ => 4 * ROOM,
            };
            if ready!(self.poll_fill(context, room)).is_err() {
                self.body_ended(Rest::Broken("the connection broke"));
            }
        }
    }

    fn body_ended(&mut self, how: Rest) {
        self.rest = how;
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }

    /// Reads away what is left of a body that nobody wants, as far as it is here and has no more than `most` bytes.
    pub(super) fn skip_body(&mut self, mut most: usize, context: &mut Context<'_>) {
        if self.held || !self.interim.is_empty() {
            return;
        }
        while let Poll::Ready(Some(Ok(data))) = self.poll_body(context) {
            match most.checked_sub(data.len()) {
                Some(left) => most = left,
                None => return,
            }
        }
    }

    /// Reads more of a head.
    pub(super) fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        self.poll_fill(context, ROOM)
    }

    /// Reads more, into `room` bytes or what room there is. `Ok(false)`: the client sends no more.
    fn poll_fill(&mut self, context: &mut Context<'_>, room: usize) -> Poll<io::Result<bool>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        // A little room is made only where there is almost none, so that few heads are read in pieces.
        let make_room = room > ROOM || self.input.capacity() - self.input.len() < ROOM / 4;
        let read = if make_room && room <= ROOM && self.input.is_empty() {
            scratch::poll_read(Pin::new(io), context, &mut self.input)
        } else {
            if make_room {
                self.input.reserve(room);
            }
            poll_read_buf(Pin::new(io), context, &mut self.input)
        };
        match read {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(0)) => {
                self.ended = true;
                Poll::Ready(Ok(false))
            }
            Poll::Ready(Ok(_)) => {
                self.silent = None;
                Poll::Ready(Ok(true))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }

    /// Ready when the client has left while its request is served. One more request that it sends meanwhile is kept.
    pub(super) fn poll_left(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !self.body_is_read() {
            if !self.waiting.as_ref().is_some_and(|waiting| waiting.will_wake(context.waker())) {
                self.waiting = Some(context.waker().clone());
            }
            // Whoever has begun to read the body will notice.
            return if self.asked { Poll::Pending } else { self.poll_left_unread(context) };
        }
        if self.ended || !self.input.is_empty() {
            return Poll::Pending;
        }
        let silent = self.silent;
        match ready!(self.poll_heard(context)) {
            Ok(true) => Poll::Pending,
            Ok(false) if may_be_half_closed(silent) => Poll::Pending,
            Ok(false) | Err(_) => Poll::Ready(()),
        }
    }

    /// The same while nobody has asked for the body, as when the request waits for its turn: its bytes would hide the end.
    /// They are taken in as far as there is room for them anyway; behind more than that the end stays unseen.
    fn poll_left_unread(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while !self.ended && self.input.len() < ROOM {
            let silent = self.silent;
            match ready!(self.poll_heard(context)) {
                Ok(true) => {}
                // It will never be whole, however long somebody waits for an answer.
                Ok(false) if !self.is_half() && may_be_half_closed(silent) => {}
                Ok(false) | Err(_) => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }

    /// Reads more of what nobody waits for, and notes since when nothing was heard.
    fn poll_heard(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let heard = self.poll_fill(context, ROOM);
        if heard.is_pending() && self.silent.is_none() {
            self.silent = Some(Instant::now());
        }
        heard
    }

    /// Whether a part of a body of known length is still to come.
    fn is_half(&self) -> bool {
        matches!(self.rest, Rest::Length(left) if usize::try_from(left).map_or(true, |left| left > self.input.len()))
    }

    /// Writes some of `pieces`.
    pub(super) fn poll_write(&mut self, context: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        let written = match pieces {
            // `send` costs the system less than `writev`.
            [piece] => Pin::new(io).poll_write(context, piece),
            pieces => Pin::new(io).poll_write_vectored(context, pieces),
        };
        match ready!(written) {
            Ok(0) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            written => Poll::Ready(written),
        }
    }

    /// Sees to it that what was written leaves.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        Pin::new(io).poll_flush(context)
    }

    /// Says that nothing more will come.
    pub(super) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Ok(())) };
        Pin::new(io).poll_shutdown(context)
    }
}

/// Whether an end of input behind such a silence may come from a client that has said all and waits. Without silence before
/// it, the end came with the last bytes, however late it was looked for.
fn may_be_half_closed(silent: Option<Instant>) -> bool {
    silent.is_none_or(|since| since.elapsed() <= HALF_CLOSE)
}
