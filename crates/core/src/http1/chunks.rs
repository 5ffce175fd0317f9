//! The chunked framing of a body (RFC 9112, section 7.1), read strictly. Extensions are read over, trailers
//! too; both are bounded.

use bytes::{Buf, Bytes, BytesMut};

/// Longest line of a chunk's size with its extensions, in bytes.
const LINE: usize = 1024;

/// Bytes that the extensions of one body may have in all.
const EXTENSIONS: usize = 16 * 1024;

/// Bytes that all trailers may have.
const TRAILERS: usize = 8 * 1024;

/// How far a body in chunks was read.
#[derive(Debug, Default)]
pub struct Chunks {
    state: State,
    extensions: usize,
    trailers: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    /// So many bytes of the chunk are to come.
    Data(u64),
    /// The end of line behind a chunk.
    DataEnd,
    Trailers,
    Done,
}

/// What the bytes at hand came to.
#[derive(Debug, PartialEq, Eq)]
pub enum ChunkRead {
    /// A piece of the body.
    Data(Bytes),
    /// More bytes are needed.
    More,
    /// The body is complete.
    Done,
}

impl Chunks {
    /// Takes what it can from `input`.
    ///
    /// # Errors
    /// What is wrong with the framing. Nothing more may be read then.
    pub fn read(&mut self, input: &mut BytesMut) -> Result<ChunkRead, &'static str> {
        loop {
            match self.state {
                State::Size => {
                    let Some(line) = take_line(input, LINE)? else { return Ok(ChunkRead::More) };
                    let size = self.size(&line)?;
                    self.state = if size == 0 { State::Trailers } else { State::Data(size) };
                }
                State::Data(left) => {
                    if input.is_empty() {
                        return Ok(ChunkRead::More);
                    }
                    let length = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                    let data = input.split_to(length).freeze();
                    let left = left.saturating_sub(length as u64);
                    self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
                    return Ok(ChunkRead::Data(data));
                }
                State::DataEnd => match (input.first(), input.get(1)) {
                    (None | Some(b'\r'), None) => return Ok(ChunkRead::More),
                    (Some(b'\r'), Some(b'\n')) => {
                        input.advance(2);
                        self.state = State::Size;
                    }
                    _ => return Err("a chunk is longer than its size says"),
                },
                State::Trailers => {
                    let room = TRAILERS.saturating_sub(self.trailers);
                    let Some(line) = take_line(input, room)? else { return Ok(ChunkRead::More) };
                    self.trailers += line.len() + 2;
                    if line.is_empty() {
                        self.state = State::Done;
                    } else if !is_field(&line) {
                        return Err("a trailer is no header field");
                    }
                }
                State::Done => return Ok(ChunkRead::Done),
            }
        }
    }

    fn size(&mut self, line: &[u8]) -> Result<u64, &'static str> {
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (number, extension) = line.split_at_checked(digits).unwrap_or_default();
        if number.is_empty() || number.len() > 16 {
            return Err("a chunk has no size, or one that is too large");
        }
        // Blanks before the semicolon are what some senders pad with; anything else is no extension.
        if !matches!(extension.trim_ascii_start().first(), None | Some(b';')) {
            return Err("a chunk's size is no hexadecimal number");
        }
        if extension.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return Err("a chunk's extension has a control character");
        }
        self.extensions += extension.len();
        if self.extensions > EXTENSIONS {
            return Err("the chunks have more extensions than are taken");
        }
        let number = std::str::from_utf8(number).ok().and_then(|number| u64::from_str_radix(number, 16).ok());
        // Room for what is added to it elsewhere.
        number.filter(|size| *size <= u64::MAX / 2).ok_or("a chunk has a size that is too large")
    }
}

/// A line without its end, once it is there.
fn take_line(input: &mut BytesMut, longest: usize) -> Result<Option<BytesMut>, &'static str> {
    let Some(feed) = memchr::memchr(b'\n', input.get(..input.len().min(longest.saturating_add(2))).unwrap_or_default())
    else {
        // A carriage return with something else behind it is the end of no line, however many bytes are still to come.
        let odd = memchr::memchr(b'\r', input).is_some_and(|place| place + 1 < input.len());
        return match input.len() > longest {
            true => Err("a line between the chunks is longer than is taken"),
            false if odd => Err("a line between the chunks has a carriage return within it"),
            false => Ok(None),
        };
    };
    let mut line = input.split_to(feed + 1);
    if !line.ends_with(b"\r\n") {
        return Err("a line between the chunks ends without a carriage return");
    }
    line.truncate(feed - 1);
    if line.contains(&b'\r') {
        Err("a line between the chunks has a carriage return within it")
    } else {
        Ok(Some(line))
    }
}

/// `field-name ":" field-value` (RFC 9112, section 5). It is read over; but what is none may be something else to others.
fn is_field(line: &[u8]) -> bool {
    let Some((name, value)) = memchr::memchr(b':', line).and_then(|colon| line.split_at_checked(colon)) else {
        return false;
    };
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let in_value = |byte: &u8| !byte.is_ascii_control() || *byte == b'\t';
    !name.is_empty() && name.iter().all(is_token) && value.iter().all(in_value)
}

#[cfg(test)]
mod tests;
