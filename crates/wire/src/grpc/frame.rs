//! Frames: five bytes that say whether a message is compressed and how long it is, and the message.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use sluicegate_core::{Kind, Refusal};

use super::Encoding;
use super::status::Code;

/// Length of what stands in front of a message.
pub const PREFIX: usize = 5;

/// Why frames cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A message announces more bytes than the limit. Nothing was set aside for it.
    #[error("a message of {size} bytes is larger than the {limit} bytes taken")]
    TooLarge {
        /// Bytes announced.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// More than the limit came out of a compressed message.
    #[error("a compressed message grows beyond the {limit} bytes taken")]
    Inflated {
        /// The limit in bytes.
        limit: u64,
    },
    /// A compressed message grows by more than a hundred times.
    #[error("a compressed message grows by more than a hundred times")]
    Bomb,
    /// The compressed flag is neither 0 nor 1.
    #[error("a message's compressed flag is neither 0 nor 1")]
    BadFlag,
    /// The compressed flag is set, but no compression is named.
    #[error("a message is flagged as compressed, but grpc-encoding names no compression")]
    NoEncoding,
    /// The compression is one that is not read.
    #[error("grpc-encoding names a compression that the gateway does not read; send gzip, deflate or identity")]
    UnknownEncoding,
    /// The compressed bytes are not of their compression, or something follows them.
    #[error("a compressed message is not of the compression that grpc-encoding names")]
    Corrupt,
    /// The body ended in the middle of a frame, or before the only one.
    #[error("the body ended before its message was complete")]
    Cut,
    /// More than one message in a call that takes one.
    #[error("the call takes one message, but the body has more")]
    Several,
}

/// A reader of frames that come in pieces, cut anywhere.
#[derive(Debug)]
pub struct Reader {
    encoding: Encoding,
    limit: u64,
    prefix: [u8; PREFIX],
    /// Bytes of the prefix that are there.
    have: usize,
    open: Option<Open>,
}

/// A frame whose prefix is read.
#[derive(Debug)]
struct Open {
    compressed: bool,
    length: usize,
    bytes: Vec<u8>,
}

impl Reader {
    /// Of messages compressed by `encoding`, of at most `limit` bytes each, as they travel and as they are meant.
    #[must_use]
    pub const fn new(encoding: Encoding, limit: u64) -> Self {
        Self { encoding, limit, prefix: [0; PREFIX], have: 0, open: None }
    }

    /// Bytes of the message that is being put together.
    #[must_use]
    pub fn gathered(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.bytes.len())
    }

    /// Reads the next message of `piece` and takes its bytes out. `None`: the piece is used up, more is needed. A
    /// message that lies in one piece is a slice of it; else it is copied together as its bytes come.
    ///
    /// # Errors
    /// The frames cannot be read; there is no reading on after that.
    pub fn read(&mut self, piece: &mut Bytes) -> Result<Option<Bytes>, FrameError> {
        if piece.is_empty() && self.open.is_none() {
            return Ok(None);
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => match self.begin(piece)? {
                Some(open) => open,
                None => return Ok(None),
            },
        };
        let wanted = open.length.saturating_sub(open.bytes.len());
        let part = piece.split_to(wanted.min(piece.len()));
        let message = if part.len() == open.length {
            part
        } else {
            open.take(&part);
            if part.len() < wanted {
                self.open = Some(open);
                return Ok(None);
            }
            open.bytes.into()
        };
        if open.compressed { self.encoding.decode(&message, self.limit).map(Some) } else { Ok(Some(message)) }
    }

    /// Reads a prefix, or as much of it as there is.
    fn begin(&mut self, piece: &mut Bytes) -> Result<Option<Open>, FrameError> {
        let whole = piece.first_chunk().filter(|_| self.have == 0).copied();
        let [flag, length @ ..] = match whole {
            Some(prefix) => {
                piece.advance(PREFIX);
                prefix
            }
            None if self.gather_prefix(piece) => self.prefix,
            None => return Ok(None),
        };
        let compressed = match flag {
            0 => false,
            1 => true,
            _ => return Err(FrameError::BadFlag),
        };
        let size = u64::from(u32::from_be_bytes(length));
        match usize::try_from(size) {
            Ok(length) if size <= self.limit => Ok(Some(Open { compressed, length, bytes: Vec::new() })),
            _ => Err(FrameError::TooLarge { size, limit: self.limit }),
        }
    }

    /// Takes what there is of a prefix that comes in pieces; whether that is all of it.
    fn gather_prefix(&mut self, piece: &mut Bytes) -> bool {
        let missing = self.prefix.iter_mut().skip(self.have);
        let taken = missing.zip(piece.iter()).map(|(place, byte)| *place = *byte).count();
        piece.advance(taken);
        self.have += taken;
        let whole = self.have == PREFIX;
        if whole {
            self.have = 0;
        }
        whole
    }

    /// Says that no piece follows.
    ///
    /// # Errors
    /// A frame is incomplete.
    pub const fn end(&self) -> Result<(), FrameError> {
        if self.have == 0 && self.open.is_none() { Ok(()) } else { Err(FrameError::Cut) }
    }
}

impl Open {
    /// Memory is set aside for twice what has come, and never for more than was announced.
    fn take(&mut self, part: &[u8]) {
        if self.bytes.capacity() - self.bytes.len() < part.len() {
            let missing = self.length.saturating_sub(self.bytes.len());
            self.bytes.reserve_exact(self.bytes.len().max(part.len()).min(missing));
        }
        self.bytes.extend_from_slice(part);
    }
}

/// The five bytes in front of a message of `length` bytes that is not compressed.
///
/// # Errors
/// The length does not fit 32 bits.
pub fn prefix(length: u64) -> Result<[u8; PREFIX], FrameError> {
    let size = u32::try_from(length)
        .map_err(|_| FrameError::TooLarge { size: length, limit: u64::from(u32::MAX) })?
        .to_be_bytes();
    let [first, second, third, fourth] = size;
    Ok([0, first, second, third, fourth])
}

/// A frame of a short message; the message is copied.
///
/// # Errors
/// Its length does not fit 32 bits.
pub fn whole(message: &[u8]) -> Result<Bytes, FrameError> {
    let mut framed = BytesMut::with_capacity(PREFIX.saturating_add(message.len()));
    framed.put_slice(&prefix(message.len() as u64)?);
    framed.put_slice(message);
    Ok(framed.freeze())
}

impl FrameError {
    /// The status that tells of it.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::TooLarge { .. } | Self::Inflated { .. } | Self::Bomb => Code::ResourceExhausted,
            Self::UnknownEncoding => Code::Unimplemented,
            Self::BadFlag | Self::NoEncoding | Self::Corrupt | Self::Cut | Self::Several => Code::Internal,
        }
    }
}

impl From<FrameError> for Refusal {
    fn from(error: FrameError) -> Self {
        let kind = match error.code() {
            Code::ResourceExhausted => Kind::BodyTooLarge,
            Code::Unimplemented => Kind::UnsupportedEncoding,
            _ => Kind::BadFraming,
        };
        Self::new(kind, error.to_string())
    }
}
