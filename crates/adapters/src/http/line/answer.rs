//! The body of an answer over HTTP/1.1. Holds its connection until the last byte, then gives it back; dropped earlier, the connection
//! is closed, so that no later request meets what is left of this one.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use sluicegate_core::BodyError;
use tokio::time::Sleep;

use super::super::lines::Lease;
use super::explain;

/// The body of an answer, on its way.
pub(in super::super) struct LineAnswer {
    incoming: Incoming,
    lease: Option<Lease>,
    timer: Pin<Box<Sleep>>,
}

impl LineAnswer {
    /// The body that comes over `lease` until `timer` ends.
    pub(in super::super) fn new(
        incoming: Incoming,
        lease: Lease,
        timer: Pin<Box<Sleep>>,
        context: &mut Context<'_>,
    ) -> Self {
        let mut answer = Self { incoming, lease: Some(lease), timer };
        answer.settle(context);
        answer
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

impl HttpBody for LineAnswer {
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
