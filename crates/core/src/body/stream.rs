//! Bodies on their way, part by part. Any body of `http_body` is one; what has trailers as fields hands them on so, and they
//! are put into a map for nobody.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::BodyError;
use crate::Fields;

/// A streamed body behind one box a message (never one a chunk).
pub type BoxBody = Pin<Box<dyn BodyStream>>;

/// What comes of a body at a time.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Bytes.
    Data(Bytes),
    /// What stands behind the last of them.
    Trailers(Fields),
}

/// A body on its way.
pub trait BodyStream: Send {
    /// What comes next; `None` behind the end.
    fn poll_part(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Part, BodyError>>>;

    /// Whether it is known that nothing more comes.
    fn is_over(&self) -> bool;

    /// Bytes that are still to come, as far as that is known.
    fn length(&self) -> SizeHint;
}

impl<B: HttpBody<Data = Bytes, Error = BodyError> + Send> BodyStream for B {
    fn poll_part(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Part, BodyError>>> {
        loop {
            let frame = match ready!(self.as_mut().poll_frame(context)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            };
            if let Ok(part) = Part::try_from(frame) {
                return Poll::Ready(Some(Ok(part)));
            }
        }
    }

    fn is_over(&self) -> bool {
        self.is_end_stream()
    }

    fn length(&self) -> SizeHint {
        self.size_hint()
    }
}

impl Part {
    /// Bytes of the body in it.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Data(data) => data.len(),
            Self::Trailers(_) => 0,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is trailers, behind which nothing comes.
    #[must_use]
    pub const fn is_trailers(&self) -> bool {
        matches!(self, Self::Trailers(_))
    }
}

impl TryFrom<Frame<Bytes>> for Part {
    type Error = Frame<Bytes>;

    /// A frame of a kind that nobody knows is no part.
    fn try_from(frame: Frame<Bytes>) -> Result<Self, Frame<Bytes>> {
        match frame.into_data() {
            Ok(data) => Ok(Self::Data(data)),
            Err(frame) => frame.into_trailers().map(|trailers| Self::Trailers(trailers.into())),
        }
    }
}

impl From<Part> for Frame<Bytes> {
    fn from(part: Part) -> Self {
        match part {
            Part::Data(data) => Self::data(data),
            Part::Trailers(trailers) => Self::trailers(HeaderMap::from(&trailers)),
        }
    }
}
