//! Bodies that count what passes, and that finish the trail behind the last byte.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use sluicegate_core::{Body, BodyError};

use super::Trail;

/// What is known of a request's body, shared with whoever reads it.
#[derive(Default)]
pub(super) struct Received {
    bytes: AtomicU64,
    failure: OnceLock<BodyError>,
}

/// A request's body, counted.
pub(super) struct Counted {
    inner: Body,
    received: Arc<Received>,
}

impl Received {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn failure(&self) -> Option<&BodyError> {
        self.failure.get()
    }
}

impl Counted {
    pub(super) fn new(inner: Body, received: Arc<Received>) -> Self {
        Self { inner, received }
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                this.received.add(length);
            }
            // The first failure is the one that counts.
            Some(Err(error)) => drop(this.received.failure.set(error.clone())),
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// An answer's body that carries the trail to its end.
pub(super) struct Carrying {
    inner: Body,
    trail: Option<Trail>,
}

impl Carrying {
    pub(super) fn new(inner: Body, trail: Trail) -> Self {
        Self { inner, trail: Some(trail) }
    }
}

impl HttpBody for Carrying {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(context));
        match (&frame, &mut this.trail) {
            (Some(Ok(frame)), Some(trail)) => {
                trail.record.traffic.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            (Some(Err(error)), Some(trail)) => trail.broke_off(error.to_string()),
            (None, _) | (_, None) => {}
        }
        // A reader that knows the length does not ask again after the last byte, and none does after trailers.
        let last = !matches!(&frame, Some(Ok(frame)) if frame.is_data()) || this.inner.is_end_stream();
        if let Some(trail) = this.trail.take_if(|_| last) {
            trail.finish();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
