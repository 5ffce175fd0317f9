//! Where an answer's body ends, and its bytes (RFC 9112, section 6.3).

use bytes::{Bytes, BytesMut};
use http::{StatusCode, Version};
use sluicegate_core::http1::{ChunkRead, Chunks};

use super::head::Hop;

/// Most room made at once, and what is made for a body whose length is not known: what a client that does not read costs
/// us, whatever its answer's length.
const ROOM: usize = 32 * 1024;

/// What is still to come of an answer's body.
#[derive(Debug, Default)]
pub(super) enum Download {
    #[default]
    Done,
    Length(u64),
    Chunked(Chunks),
    /// It ends with the connection.
    Close,
}

impl Download {
    /// The body that comes behind this head, and whether the connection stays open behind it.
    ///
    /// # Errors
    /// The head says it in more than one way.
    pub(super) fn begin(status: StatusCode, hop: &Hop, to_head: bool) -> Result<(Self, bool), &'static str> {
        let kept = !hop.close && (hop.version == Version::HTTP_11 || hop.keep);
        if hop.length.is_some() && hop.chunked {
            return Err("it gave both a content-length and a transfer-encoding");
        }
        if hop.chunked && hop.version < Version::HTTP_11 {
            return Err("it gave a transfer-encoding over HTTP/1.0");
        }
        if to_head || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return Ok((Self::Done, kept));
        }
        Ok(match hop.length {
            Some(0) => (Self::Done, kept),
            Some(length) => (Self::Length(length), kept),
            None if hop.chunked => (Self::Chunked(Chunks::default()), kept),
            None => (Self::Close, false),
        })
    }

    /// Whether all of it was read.
    pub(super) const fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// Bytes still to come, where their number is known.
    pub(super) const fn left(&self) -> Option<u64> {
        match self {
            Self::Done => Some(0),
            Self::Length(left) => Some(*left),
            Self::Chunked(_) | Self::Close => None,
        }
    }

    /// Room to make before more is read.
    pub(super) fn room(&self) -> usize {
        match self {
            Self::Length(left) => usize::try_from(*left).unwrap_or(usize::MAX).clamp(ROOM / 4, ROOM),
            _ => ROOM,
        }
    }

    /// The next bytes, or the end (`Some(Ok(None))`); `None`: more must be read.
    pub(super) fn take(&mut self, input: &mut BytesMut) -> Option<Result<Option<Bytes>, &'static str>> {
        match self {
            Self::Done => Some(Ok(None)),
            Self::Chunked(chunks) => match chunks.read(input) {
                Ok(ChunkRead::More) => None,
                Ok(ChunkRead::Data(data)) => {
                    // The end stands behind it more often than not; then nobody need ask again.
                    if input.starts_with(b"\r\n0\r\n\r\n") && matches!(chunks.read(input), Ok(ChunkRead::Done)) {
                        *self = Self::Done;
                    }
                    Some(Ok(Some(data)))
                }
                Ok(ChunkRead::Done) => {
                    *self = Self::Done;
                    Some(Ok(None))
                }
                Err(why) => Some(Err(why)),
            },
            _ if input.is_empty() => None,
            Self::Close => Some(Ok(Some(input.split().freeze()))),
            Self::Length(left) => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left = left.saturating_sub(count as u64);
                if *left == 0 {
                    *self = Self::Done;
                }
                Some(Ok(Some(input.split_to(count).freeze())))
            }
        }
    }

    /// The connection ended.
    ///
    /// # Errors
    /// Before the body did.
    pub(super) fn ended(&mut self) -> Result<(), &'static str> {
        match self {
            Self::Done | Self::Close => {
                *self = Self::Done;
                Ok(())
            }
            Self::Length(_) | Self::Chunked(_) => Err("the connection ended before the answer did"),
        }
    }
}
