//! Server-sent events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>), read from byte pieces that are
//! cut anywhere, and written.
//!
//! Whoever forwards a stream gets each event with its own bytes, so that what is not changed stays as it was: line ends,
//! comments, unknown fields. It must not know what the data of an event means.

mod boundary;
mod event;
mod write;

use bytes::{Bytes, BytesMut};

use self::boundary::Boundary;
pub use self::event::{Data, Event, Line, Lines};
pub use self::write::{DONE, comment, event};

/// Largest event that is held in memory, in bytes. Images travel as events of more than a megabyte.
pub const EVENT_LIMIT: usize = 16 << 20;

/// What happens to an event beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oversize {
    /// The stream cannot be read on.
    Refuse,
    /// It is handed on in parts that cannot be read.
    Pass,
}

/// An event is larger than the reader may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is larger than {limit} bytes")]
pub struct TooLarge {
    /// The limit in bytes.
    pub limit: usize,
}

/// Parts a stream into events. What it gives out, joined, is what was put in.
///
/// An event is given out as soon as the line end that completes it begins: the second half of a `\r\n` that comes
/// later is an event of its own, without fields. A comment between events is given out when its line is complete.
#[derive(Debug)]
pub struct Reader {
    limit: usize,
    oversize: Oversize,
    /// What is left of the piece last put in.
    piece: Bytes,
    /// The beginning of an event whose end has not come.
    held: BytesMut,
    boundary: Boundary,
    /// Whether nothing was given out yet: a byte order mark may come.
    first: bool,
    /// Whether a part of the current event was given out.
    torn: bool,
}

impl Reader {
    /// A reader that holds at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize, oversize: Oversize) -> Self {
        Self {
            limit,
            oversize,
            piece: Bytes::new(),
            held: BytesMut::new(),
            boundary: Boundary::default(),
            first: true,
            torn: false,
        }
    }

    /// Puts the next piece of the stream in. Take events out until there are none, then put in the next.
    pub fn push(&mut self, piece: Bytes) {
        if self.piece.is_empty() {
            self.piece = piece;
        } else {
            self.piece = [&self.piece[..], &piece[..]].concat().into();
        }
    }

    /// The next event; `None` when more of the stream is needed.
    ///
    /// # Errors
    /// The event is too large. The reader is then of no more use.
    pub fn next_event(&mut self) -> Result<Option<Event>, TooLarge> {
        if self.piece.is_empty() {
            return Ok(None);
        }
        let end = self.boundary.advance(&self.piece);
        let part = self.piece.split_to(end.unwrap_or(self.piece.len()));
        if self.torn {
            self.torn = end.is_none();
            return Ok(Some(Event::torn(part)));
        }
        let fits = self.held.len().saturating_add(part.len()) <= self.limit;
        match (fits, end) {
            (false, _) if self.oversize == Oversize::Refuse => Err(TooLarge { limit: self.limit }),
            (false, _) => {
                self.torn = end.is_none();
                self.first = false;
                Ok(Some(Event::torn(self.join(part))))
            }
            (true, None) => {
                self.held.extend_from_slice(&part);
                Ok(None)
            }
            (true, Some(_)) => {
                let raw = self.join(part);
                Ok(Some(Event::new(raw, std::mem::take(&mut self.first))))
            }
        }
    }

    /// At the end of the stream: what came of an event that is not complete; `None` where nothing is left.
    pub fn rest(&mut self) -> Option<Event> {
        let raw = self.join(Bytes::new());
        (!raw.is_empty()).then(|| Event::new(raw, std::mem::take(&mut self.first)))
    }

    /// Whether the last bytes given out are a part of an event that has not ended.
    #[must_use]
    pub const fn is_torn(&self) -> bool {
        self.torn
    }

    fn join(&mut self, part: Bytes) -> Bytes {
        if self.held.is_empty() {
            return part;
        }
        self.held.extend_from_slice(&part);
        self.held.split().freeze()
    }
}
