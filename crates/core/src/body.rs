//! Message bodies: whole, or streamed with back-pressure.

mod stream;
mod trailed;

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

pub use self::stream::{BodyStream, BoxBody, Part};
use self::trailed::Trailed;
use crate::Fields;

/// The bytes of a request or an answer.
#[derive(Default)]
pub enum Body {
    /// No bytes.
    #[default]
    Empty,
    /// All bytes at hand.
    Full(Bytes),
    /// All bytes at hand, in several pieces that need not be copied together. No piece is empty.
    Pieces(VecDeque<Bytes>),
    /// Bytes that are still on their way.
    Stream(BoxBody),
}

/// Why a body ended before its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The peer broke off, or its framing is wrong.
    #[error("the body broke off: {0}")]
    Broken(String),
    /// More bytes than the limit.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The gateway holds as many bytes of bodies as it may.
    #[error("there is no room to hold the body")]
    NoRoom,
    /// Too long without progress, or in all.
    #[error("the body took too long")]
    TimedOut,
}

impl Body {
    /// A body streamed from `body`.
    pub fn stream(body: impl BodyStream + 'static) -> Self {
        Self::Stream(Box::pin(body))
    }

    /// A body of pieces at hand, with trailers behind them. It tells no exact length: what follows the data would be
    /// lost on a message that is over after so many bytes.
    pub fn with_trailers(pieces: impl IntoIterator<Item = Bytes>, trailers: Fields) -> Self {
        Self::stream(Trailed::new(pieces, trailers))
    }

    /// What comes next, trailers as they are handed on.
    pub fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Part, BodyError>>> {
        match self {
            Self::Stream(stream) => stream.as_mut().poll_part(context),
            Self::Empty => Poll::Ready(None),
            Self::Pieces(pieces) => Poll::Ready(pieces.pop_front().map(|piece| Ok(Part::Data(piece)))),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Part::Data(bytes))))
            }
        }
    }
}

impl FromIterator<Bytes> for Body {
    fn from_iter<I: IntoIterator<Item = Bytes>>(pieces: I) -> Self {
        let mut pieces: VecDeque<Bytes> = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
        match pieces.len() {
            0 => Self::Empty,
            1 => pieces.pop_front().map_or(Self::Empty, Self::Full),
            _ => Self::Pieces(pieces),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Full(bytes) }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl std::fmt::Debug for Body {
    // Contents are the caller's: only the kind and length are shown.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => formatter.write_str("Body::Empty"),
            Self::Full(bytes) => write!(formatter, "Body::Full({} bytes)", bytes.len()),
            Self::Pieces(pieces) => write!(formatter, "Body::Pieces({} bytes)", length(pieces)),
            Self::Stream(_) => formatter.write_str("Body::Stream"),
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.get_mut().poll_part(context).map_ok(Frame::from)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(_) => false,
            Self::Pieces(pieces) => pieces.is_empty(),
            Self::Stream(stream) => stream.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Pieces(pieces) => SizeHint::with_exact(length(pieces)),
            Self::Stream(stream) => stream.length(),
        }
    }
}

fn length(pieces: &VecDeque<Bytes>) -> u64 {
    pieces.iter().map(|piece| piece.len() as u64).sum()
}
