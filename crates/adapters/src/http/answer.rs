//! The body of an answer, over whichever version of HTTP it comes.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::SizeHint;
use sluicegate_core::{Body, BodyError, BodyStream, Lease, Memory, Part};

use super::lane::LaneAnswer;
use super::line::LineAnswer;

/// Most bytes set aside on the word of a `content-length`.
const TRUSTED_LENGTH: usize = 1024 * 1024;

/// The body of an answer, on its way. Dropped before its end, it tells the server that nobody waits for the rest.
/// Trailers come over HTTP/2 only.
pub struct Answer(Over);

enum Over {
    /// It came with its head.
    Whole(Bytes),
    Line(LineAnswer),
    Lane(LaneAnswer),
}

impl Answer {
    /// As a body to be handed on.
    #[must_use]
    pub fn into_body(self) -> Body {
        match self.0 {
            Over::Whole(bytes) => bytes.into(),
            Over::Line(_) | Over::Lane(_) => Body::stream(self),
        }
    }

    /// All of it, at most `limit` bytes.
    ///
    /// # Errors
    /// It broke off, is larger than `limit`, or took longer than the request may.
    pub async fn collect(self, limit: u64) -> Result<Bytes, BodyError> {
        self.gather(limit, &mut None).await
    }

    /// All of it, at most `limit` bytes, with the room that it takes of `memory`.
    ///
    /// # Errors
    /// As [`Answer::collect`], or there is no room.
    pub async fn hold(self, limit: u64, memory: &Arc<Memory>) -> Result<Bytes, BodyError> {
        let mut lease = Some(memory.lease());
        let bytes = self.gather(limit, &mut lease).await?;
        Ok(match lease {
            Some(lease) => lease.around(bytes),
            None => bytes,
        })
    }

    async fn gather(mut self, limit: u64, lease: &mut Option<Lease>) -> Result<Bytes, BodyError> {
        let too_large = BodyError::TooLarge { limit };
        let hint = self.length().lower();
        if hint > limit {
            return Err(too_large);
        }
        // Small answers come in one piece, and are handed on without a copy.
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        let mut length = 0_u64;
        while let Some(part) = poll_fn(|context| Pin::new(&mut self).poll_part(context)).await {
            let Part::Data(data) = part? else { continue };
            length = length.saturating_add(data.len() as u64);
            if length > limit {
                return Err(too_large);
            }
            if let Some(lease) = lease {
                lease.cover(length)?;
            }
            if first.is_empty() {
                first = data;
                continue;
            }
            if rest.is_empty() {
                rest.reserve(usize::try_from(hint).unwrap_or(TRUSTED_LENGTH).clamp(first.len(), TRUSTED_LENGTH));
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
        Ok(if rest.is_empty() { first } else { rest.freeze() })
    }
}

impl From<Bytes> for Answer {
    fn from(whole: Bytes) -> Self {
        Self(Over::Whole(whole))
    }
}

impl From<LineAnswer> for Answer {
    fn from(answer: LineAnswer) -> Self {
        Self(Over::Line(answer))
    }
}

impl From<LaneAnswer> for Answer {
    fn from(answer: LaneAnswer) -> Self {
        Self(Over::Lane(answer))
    }
}

impl BodyStream for Answer {
    fn poll_part(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Part, BodyError>>> {
        match &mut self.get_mut().0 {
            Over::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Over::Whole(bytes) => Poll::Ready(Some(Ok(Part::Data(std::mem::take(bytes))))),
            Over::Line(answer) => Pin::new(answer).poll_part(context),
            Over::Lane(answer) => Pin::new(answer).poll_part(context),
        }
    }

    fn is_over(&self) -> bool {
        match &self.0 {
            Over::Whole(bytes) => bytes.is_empty(),
            Over::Line(answer) => answer.is_over(),
            Over::Lane(answer) => answer.is_over(),
        }
    }

    fn length(&self) -> SizeHint {
        match &self.0 {
            Over::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Over::Line(answer) => answer.length(),
            Over::Lane(answer) => answer.length(),
        }
    }
}

impl std::fmt::Debug for Answer {
    // Contents are the backend's: only the length is shown.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Answer").field("length", &self.length().exact()).finish_non_exhaustive()
    }
}
