//! HTTP/1.1 messages, read as far as a benchmark needs it: where each begins and ends, whoever sent it.
//!
//! It trusts its peers: what they send is counted and compared, not defended against. It must not know sockets.

mod inbox;

use anyhow::{Context, Result, bail, ensure};
use memchr::memmem;

pub(crate) use self::inbox::Inbox;

/// Longest head, and longest line of a chunked body.
const LONGEST: usize = 64 * 1024;

/// Finds messages in a stream of bytes.
#[derive(Debug)]
pub(crate) struct Reader {
    side: Side,
    state: State,
}

/// Whose messages are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Requests,
    Answers,
}

/// What stands next in a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// First line and fields, with the empty line.
    Head(&'a [u8]),
    /// A piece of the body: of a chunked one, at most a chunk.
    Body(&'a [u8]),
    /// The line before a chunk, or behind the last one.
    Framing,
    /// The end of a chunk.
    ChunkEnd,
    /// The message is over.
    End,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Head,
    Sized(usize),
    Size,
    Chunk(usize),
    ChunkEnd,
    Trailer,
}

impl Reader {
    /// At the beginning of a message.
    pub(crate) const fn new(side: Side) -> Self {
        Self { side, state: State::Head }
    }

    /// What the input begins with, and how many of its bytes that takes; `None` where more are needed to say.
    pub(crate) fn next<'a>(&mut self, input: &'a [u8]) -> Result<Option<(Event<'a>, usize)>> {
        match self.state {
            State::Head => self.head(input),
            State::Sized(0) => Ok(Some(self.end(0))),
            State::Sized(left) => Ok(self.body(input, left, State::Sized)),
            State::Chunk(left) => Ok(self.body(input, left, |left| match left {
                0 => State::ChunkEnd,
                left => State::Chunk(left),
            })),
            State::Size => self.size(input),
            State::ChunkEnd => self.chunk_end(input),
            State::Trailer => self.trailer(input),
        }
    }

    fn head<'a>(&mut self, input: &'a [u8]) -> Result<Option<(Event<'a>, usize)>> {
        let Some(end) = memmem::find(input, b"\r\n\r\n") else {
            ensure!(input.len() < LONGEST, "a head without end");
            return Ok(None);
        };
        let (head, _) = input.split_at(end + 4);
        self.state = match (field(head, "transfer-encoding"), field(head, "content-length")) {
            (Some(encoding), _) if encoding.eq_ignore_ascii_case(b"chunked") => State::Size,
            (Some(_), _) => bail!("a transfer coding that is not `chunked`"),
            (None, Some(length)) => State::Sized(number(length, 10)?),
            (None, None) if self.side == Side::Requests => State::Sized(0),
            (None, None) => bail!("an answer that does not say how long it is"),
        };
        Ok(Some((Event::Head(head), head.len())))
    }

    fn body<'a>(&mut self, input: &'a [u8], left: usize, then: fn(usize) -> State) -> Option<(Event<'a>, usize)> {
        let (piece, _) = input.split_at(input.len().min(left));
        if piece.is_empty() {
            return None;
        }
        self.state = then(left - piece.len());
        Some((Event::Body(piece), piece.len()))
    }

    /// The line before a chunk.
    fn size<'a>(&mut self, input: &'a [u8]) -> Result<Option<(Event<'a>, usize)>> {
        let Some(line) = line(input)? else { return Ok(None) };
        self.state = match number(line.split(|byte| *byte == b';').next().unwrap_or_default(), 16)? {
            0 => State::Trailer,
            length => State::Chunk(length),
        };
        Ok(Some((Event::Framing, line.len() + 2)))
    }

    fn chunk_end<'a>(&mut self, input: &'a [u8]) -> Result<Option<(Event<'a>, usize)>> {
        let Some(line) = line(input)? else { return Ok(None) };
        ensure!(line.is_empty(), "a chunk that does not end where it said");
        self.state = State::Size;
        Ok(Some((Event::ChunkEnd, 2)))
    }

    fn trailer<'a>(&mut self, input: &'a [u8]) -> Result<Option<(Event<'a>, usize)>> {
        let Some(line) = line(input)? else { return Ok(None) };
        if line.is_empty() {
            return Ok(Some(self.end(2)));
        }
        Ok(Some((Event::Framing, line.len() + 2)))
    }

    const fn end<'a>(&mut self, taken: usize) -> (Event<'a>, usize) {
        self.state = State::Head;
        (Event::End, taken)
    }
}

/// The three digits of an answer's head.
pub(crate) fn status(head: &[u8]) -> Result<u16> {
    let digits = head.get(9..12).context("an answer without a status")?;
    u16::try_from(number(digits, 10)?).context("a status of three digits")
}

/// A field's value, by its name in small letters; the first of that name.
pub(crate) fn field<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    head.split(|byte| *byte == b'\n').skip(1).find_map(|line| {
        let (found, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":").filter(|_| found.eq_ignore_ascii_case(name.as_bytes()))?;
        Some(value.trim_ascii())
    })
}

/// The line that the input begins with, without its end.
fn line(input: &[u8]) -> Result<Option<&[u8]>> {
    let Some(end) = memmem::find(input, b"\r\n") else {
        ensure!(input.len() < LONGEST, "a chunk's line without end");
        return Ok(None);
    };
    Ok(input.get(..end))
}

fn number(digits: &[u8], radix: u32) -> Result<usize> {
    let text = std::str::from_utf8(digits.trim_ascii()).context("a length")?;
    usize::from_str_radix(text, radix).with_context(|| format!("`{text}` is no number"))
}

#[cfg(test)]
mod tests;
