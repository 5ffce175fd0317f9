//! Bodies that count what passes, and that finish the trail behind the last byte.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;
use sluicegate_core::memory::{FREE, Full};
use sluicegate_core::{Body, BodyError, BodyStream, Lease, Memory, Part};

use super::Trail;

/// What is known of a request's body, shared with whoever reads it.
#[derive(Default)]
pub(super) struct Received {
    bytes: AtomicU64,
    failure: OnceLock<BodyError>,
    /// The memory that the body takes once it is held as a whole.
    held: Mutex<Option<Lease>>,
}

/// A request's body, counted; where it is to be held as a whole, as much of the memory is taken as is there.
pub(super) struct Counted {
    inner: Body,
    received: Arc<Received>,
    memory: Option<Arc<Memory>>,
}

impl Received {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Counts more of them; tells how many there are now.
    pub(super) fn add(&self, bytes: u64) -> u64 {
        self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes)
    }

    pub(super) fn failure(&self) -> Option<&BodyError> {
        self.failure.get()
    }

    /// Takes what `length` bytes need of `memory`.
    pub(super) fn hold(&self, memory: &Arc<Memory>, length: u64) -> Result<(), Full> {
        if length <= FREE {
            return Ok(());
        }
        self.held.lock().get_or_insert_with(|| memory.lease()).cover(length)
    }

    /// Gives it back: nobody will read the body again.
    pub(super) fn let_go(&self) {
        drop(self.held.lock().take());
    }
}

impl Counted {
    pub(super) fn new(inner: Body, received: Arc<Received>, memory: Option<Arc<Memory>>) -> Self {
        Self { inner, received, memory }
    }

    fn count(&self, data: &Bytes) -> Result<(), BodyError> {
        let length = self.received.add(data.len() as u64);
        match &self.memory {
            Some(memory) => Ok(self.received.hold(memory, length)?),
            None => Ok(()),
        }
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(context));
        let frame = frame.map(|frame| match frame.as_ref().ok().and_then(Frame::data_ref) {
            Some(data) => this.count(data).and(frame),
            None => frame,
        });
        // The first failure is the one that counts.
        if let Some(Err(error)) = &frame {
            drop(this.received.failure.set(error.clone()));
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

/// The trail is the answer's body, and ends with it.
impl BodyStream for Trail {
    fn poll_part(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Part, BodyError>>> {
        let this = self.get_mut();
        let part = ready!(this.answer.poll_part(context));
        if this.finished {
            return Poll::Ready(part);
        }
        match &part {
            Some(Ok(part)) => this.record.traffic.sent += part.len() as u64,
            Some(Err(error)) => this.broke_off(error.to_string()),
            None => {}
        }
        // A reader that knows the length does not ask again after the last byte, and none does after trailers.
        let last = !matches!(&part, Some(Ok(Part::Data(_)))) || this.answer.is_end_stream();
        if last {
            this.finish();
        }
        Poll::Ready(part)
    }

    fn is_over(&self) -> bool {
        self.answer.is_end_stream()
    }

    fn length(&self) -> SizeHint {
        self.answer.size_hint()
    }
}
