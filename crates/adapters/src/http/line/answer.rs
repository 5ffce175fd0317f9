//! The body of an answer over HTTP/1.1. Holds its connection until the last byte, then gives it back; dropped earlier, the
//! connection is closed, so that no later request meets what is left of this one.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use sluicegate_core::BodyError;
use tokio::time::Instant;

use super::super::lines::Lease;

/// The body of an answer, on its way.
pub(in super::super) struct LineAnswer {
    /// `None` once it is complete, or broken.
    lease: Option<Lease>,
    due: Instant,
}

impl LineAnswer {
    /// The body that comes over `lease` until `due`.
    pub(in super::super) const fn new(lease: Lease, due: Instant) -> Self {
        Self { lease: Some(lease), due }
    }

    /// Gives the connection back once the body is complete.
    fn settle(&mut self) {
        let complete = |lease: &mut Lease| lease.line().is_some_and(|line| line.download.is_done());
        if let Some(mut lease) = self.lease.take_if(complete) {
            lease.finish();
        }
    }

    fn broken(&mut self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.lease = None;
        Poll::Ready(Some(Err(error)))
    }
}

impl HttpBody for LineAnswer {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let due = this.due;
        let Some(line) = this.lease.as_mut().and_then(Lease::line) else { return Poll::Ready(None) };
        // Asked first: bytes that never stop coming must not outrun it.
        if line.poll_due(context, due).is_ready() {
            return this.broken(BodyError::TimedOut);
        }
        match ready!(line.poll_data(context)) {
            Some(Ok(data)) => {
                this.settle();
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Some(Err(cause)) => this.broken(BodyError::Broken(cause)),
            None => {
                this.settle();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.lease.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let left = match &self.lease {
            None => Some(0),
            Some(lease) => lease.look().and_then(|line| line.download.left()),
        };
        left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}
