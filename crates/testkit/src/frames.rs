//! A client of HTTP/2 that sends any frame it is told to, right or wrong, and reads what comes.

use tokio::io::{AsyncRead, AsyncWrite};

use crate::wire::Wire;

/// What a client with prior knowledge says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes before a payload.
const HEADER: usize = 9;

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is, such as [`Frame::HEADERS`].
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// The stream it is about; zero for the connection.
    pub stream: u32,
    /// What it says.
    pub payload: Vec<u8>,
}

/// A connection over which frames go.
#[derive(Debug)]
pub struct Frames<Io> {
    wire: Wire<Io>,
}

impl Frame {
    /// Bytes of a body.
    pub const DATA: u8 = 0;
    /// A head.
    pub const HEADERS: u8 = 1;
    /// What is more important; nobody listens.
    pub const PRIORITY: u8 = 2;
    /// The end of a stream before its end.
    pub const RESET: u8 = 3;
    /// What a side takes.
    pub const SETTINGS: u8 = 4;
    /// Asks for an answer.
    pub const PING: u8 = 6;
    /// The end of a connection.
    pub const GOAWAY: u8 = 7;
    /// Room for more.
    pub const WINDOW_UPDATE: u8 = 8;
    /// More of a head.
    pub const CONTINUATION: u8 = 9;
    /// The flag that ends a stream.
    pub const END_STREAM: u8 = 1;
    /// The flag that ends a head.
    pub const END_HEADERS: u8 = 4;

    /// A frame with these parts.
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    /// A request's whole head that has `fields`.
    #[must_use]
    pub fn head(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Self {
        let block: Vec<u8> = fields.iter().flat_map(|(name, value)| literal(name, value)).collect();
        Self::new(Self::HEADERS, flags | Self::END_HEADERS, stream, block)
    }

    /// Room for `bytes` more.
    #[must_use]
    pub fn room(stream: u32, bytes: u32) -> Self {
        Self::new(Self::WINDOW_UPDATE, 0, stream, bytes.to_be_bytes())
    }

    /// A stream's end for the reason `code`.
    #[must_use]
    pub fn reset(stream: u32, code: u32) -> Self {
        Self::new(Self::RESET, 0, stream, code.to_be_bytes())
    }

    /// It on the wire.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let [.., high, middle, low] = self.payload.len().to_be_bytes();
        let [a, b, c, d] = self.stream.to_be_bytes();
        let mut bytes = vec![high, middle, low, self.kind, self.flags, a, b, c, d];
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    /// Why a stream or connection ended, for those that say.
    #[must_use]
    pub fn code(&self) -> Option<u32> {
        let place = match self.kind {
            Self::RESET => 0,
            Self::GOAWAY => 4,
            _ => return None,
        };
        let (code, _) = self.payload.get(place..)?.split_first_chunk::<4>()?;
        Some(u32::from_be_bytes(*code))
    }

    /// The status of an answer's head, where the encoder used the table all share, as it does for common ones, or spelled
    /// it out in digits.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        const SHARED: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
        let (first, rest) = self.payload.split_first()?;
        match first {
            0x88..=0x8e => SHARED.get(usize::from(first - 0x88)).copied(),
            // A new value for a known name: a length, then the digits, which Huffman's code packs into two bytes.
            _ => digits(rest),
        }
    }

    /// Takes a whole frame off the front of `bytes`: how long it is on the wire, and what it is.
    fn split(bytes: &[u8]) -> Option<(usize, Self)> {
        let ([high, middle, low, kind, flags, a, b, c, d], rest) = bytes.split_first_chunk::<HEADER>()?;
        let length = usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low);
        let payload = rest.get(..length)?;
        let stream = u32::from_be_bytes([*a, *b, *c, *d]) & (u32::MAX >> 1);
        Some((HEADER + length, Self::new(*kind, *flags, stream, payload)))
    }
}

/// Three digits as a length and their bytes, packed or not.
fn digits(field: &[u8]) -> Option<u16> {
    let (length, text) = field.split_first()?;
    let text = text.get(..usize::from(length & 0x7f))?;
    if length & 0x80 == 0 {
        return std::str::from_utf8(text).ok()?.parse().ok();
    }
    // Of the digits, 0 to 2 have five bits, the others six (RFC 7541, appendix B).
    let mut bits = text.iter().flat_map(|byte| (0..8).rev().map(move |bit| u16::from(byte >> bit & 1)));
    let mut number = 0;
    for _ in 0..3 {
        let five = (0..5).try_fold(0, |code, _| Some(code << 1 | bits.next()?))?;
        let digit = match five {
            0..=2 => five,
            _ => (five << 1 | bits.next()?).checked_sub(0x19)? + 3,
        };
        number = number * 10 + digit;
    }
    Some(number)
}

/// A field as HPACK spells it out, kept in no table.
#[must_use]
pub fn literal(name: &str, value: &str) -> Vec<u8> {
    [&[0][..], &text(name), &text(value)].concat()
}

/// A field as HPACK spells it out, kept in the table: from then on one byte is all of it.
#[must_use]
pub fn kept(name: &str, value: &str) -> Vec<u8> {
    [&[0x40][..], &text(name), &text(value)].concat()
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    match u8::try_from(text.len()).ok().filter(|length| *length < 0x7f) {
        Some(length) => bytes.push(length),
        None => {
            bytes.push(0x7f);
            let mut rest = text.len() - 0x7f;
            while rest >= 0x80 {
                bytes.push(u8::try_from(rest % 0x80).unwrap_or_default() | 0x80);
                rest /= 0x80;
            }
            bytes.push(u8::try_from(rest).unwrap_or_default());
        }
    }
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Frames<Io> {
    /// Begins to speak HTTP/2, with these settings.
    ///
    /// # Panics
    /// The connection is broken.
    pub async fn open(mut wire: Wire<Io>, settings: &[(u16, u32)]) -> Self {
        let settings: Vec<u8> =
            settings.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
        let first = Frame::new(Frame::SETTINGS, 0, 0, settings).bytes();
        wire.send([PREFACE, &first].concat()).await;
        Self { wire }
    }

    /// Sends `frames` as one piece.
    ///
    /// # Panics
    /// The connection is broken.
    pub async fn send(&mut self, frames: &[Frame]) {
        self.wire.send(frames.iter().flat_map(Frame::bytes).collect::<Vec<u8>>()).await;
    }

    /// As [`Frames::send`], where the other side may have closed already.
    ///
    /// # Errors
    /// The connection is broken.
    pub async fn try_send(&mut self, frames: &[Frame]) -> std::io::Result<()> {
        self.wire.try_send(frames.iter().flat_map(Frame::bytes).collect::<Vec<u8>>()).await
    }

    /// The next frame.
    ///
    /// # Panics
    /// The connection ends before.
    pub async fn read(&mut self) -> Frame {
        let bytes = self.wire.read_until("a frame", |bytes| Frame::split(bytes).map(|(length, _)| length)).await;
        Frame::split(&bytes).map_or_else(|| unreachable!("it was there"), |(_, frame)| frame)
    }

    /// The next frame that `wanted` wants; others are forgotten.
    ///
    /// # Panics
    /// The connection ends before.
    pub async fn read_until(&mut self, wanted: impl Fn(&Frame) -> bool) -> Frame {
        loop {
            let frame = self.read().await;
            if wanted(&frame) {
                return frame;
            }
        }
    }

    /// All frames up to the end of the connection.
    ///
    /// # Panics
    /// The connection breaks in the middle of one.
    pub async fn read_to_end(&mut self) -> Vec<Frame> {
        let bytes = self.wire.try_read_to_end().await.unwrap_or_default();
        let (mut rest, mut frames) = (&bytes[..], Vec::new());
        while let Some((length, frame)) = Frame::split(rest) {
            frames.push(frame);
            rest = rest.get(length..).unwrap_or_default();
        }
        frames
    }
}
