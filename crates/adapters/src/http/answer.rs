//! The body of an answer. Holds its connection until the last byte, then gives it back; dropped earlier, the connection
//! is closed, so that no later request meets what is left of this one.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use sluicegate_core::BodyError;
use tokio::time::Sleep;

use super::line::explain;
use super::origin::Lease;

/// Most bytes set aside on the word of a `content-length`.
const TRUSTED_LENGTH: usize = 1024 * 1024;

/// The body of an answer, on its way.
pub struct Answer {
    incoming: Incoming,
    lease: Option<Lease>,
    timer: Pin<Box<Sleep>>,
}

impl Answer {
    /// The body that comes over `lease` until `timer` ends.
    pub(super) fn new(incoming: Incoming, lease: Lease, timer: Pin<Box<Sleep>>, context: &mut Context<'_>) -> Self {
        let mut answer = Self { incoming, lease: Some(lease), timer };
        answer.settle(context);
        answer
    }

    /// All of it, at most `limit` bytes.
    ///
    /// # Errors
    /// It broke off, is larger than `limit`, or took longer than the request may.
    pub async fn collect(mut self, limit: u64) -> Result<Bytes, BodyError> {
        let too_large = BodyError::TooLarge { limit };
        let hint = self.size_hint().lower();
        if hint > limit {
            return Err(too_large);
        }
        // Small answers come in one piece, and are handed on without a copy.
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        let mut length = 0_u64;
        while let Some(frame) = self.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            length = length.saturating_add(data.len() as u64);
            if length > limit {
                return Err(too_large);
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

    /// Gives the connection back once the body is complete.
    fn settle(&mut self, context: &mut Context<'_>) {
        if self.incoming.is_end_stream()
            && let Some(lease) = self.lease.take()
        {
            lease.finish(context);
        }
    }

    fn next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            match Pin::new(&mut self.incoming).poll_frame(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => {
                    if let Some(lease) = self.lease.take() {
                        lease.finish(context);
                    }
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Ok(frame))) => {
                    self.settle(context);
                    if frame.is_data() {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                    // Trailers of an answer are not handed on: no protocol spoken here has any.
                }
                Poll::Ready(Some(Err(error))) => {
                    self.lease = None;
                    return Poll::Ready(Some(Err(BodyError::Broken(explain(&error)))));
                }
            }
        }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        // Asked first: bytes that never stop coming must not outrun it.
        if this.lease.is_some() && this.timer.as_mut().poll(context).is_ready() {
            this.lease = None;
            return Poll::Ready(Some(Err(BodyError::TimedOut)));
        }
        if let Poll::Ready(frame) = this.next(context) {
            return Poll::Ready(frame);
        }
        let open = this.lease.as_mut().and_then(Lease::line).is_some_and(|line| line.drive(context));
        match this.next(context) {
            Poll::Pending if !open => {
                this.lease = None;
                Poll::Ready(Some(Err(BodyError::Broken("the connection ended".to_owned()))))
            }
            polled => polled,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl std::fmt::Debug for Answer {
    // Contents are the backend's: only the length is shown.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Answer").field("length", &self.size_hint().exact()).finish_non_exhaustive()
    }
}
