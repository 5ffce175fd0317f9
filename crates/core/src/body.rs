//! Message bodies: whole, or streamed with back-pressure.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};

/// A streamed body behind one box a message (never one a chunk).
pub type BoxBody = Pin<Box<dyn HttpBody<Data = Bytes, Error = BodyError> + Send>>;

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
    pub fn stream(body: impl HttpBody<Data = Bytes, Error = BodyError> + Send + 'static) -> Self {
        Self::Stream(Box::pin(body))
    }

    /// A body of pieces at hand, with trailers behind them. It tells no exact length: what follows the data would be
    /// lost on a message that is over after so many bytes.
    pub fn with_trailers(pieces: impl IntoIterator<Item = Bytes>, trailers: HeaderMap) -> Self {
        let pieces = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
        Self::stream(Trailed { pieces, trailers: Some(trailers) })
    }
}

/// Pieces at hand and the trailers behind them.
struct Trailed {
    pieces: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
}

impl HttpBody for Trailed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let frame = match this.pieces.pop_front() {
            Some(piece) => Some(Frame::data(piece)),
            None => this.trailers.take().map(Frame::trailers),
        };
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(length(&self.pieces));
        hint
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
        let this = self.get_mut();
        match this {
            Self::Stream(stream) => stream.as_mut().poll_frame(context),
            Self::Empty => Poll::Ready(None),
            Self::Pieces(pieces) => Poll::Ready(pieces.pop_front().map(|piece| Ok(Frame::data(piece)))),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *this = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(_) => false,
            Self::Pieces(pieces) => pieces.is_empty(),
            Self::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Pieces(pieces) => SizeHint::with_exact(length(pieces)),
            Self::Stream(stream) => stream.size_hint(),
        }
    }
}

fn length(pieces: &VecDeque<Bytes>) -> u64 {
    pieces.iter().map(|piece| piece.len() as u64).sum()
}
