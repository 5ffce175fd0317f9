//! A request's body on its way into a stream, as fast as the server takes it. Must not know of the answer.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::Body as HttpBody;
use parking_lot::Mutex;
use sluicegate_core::{Body, BodyError};
use tokio::task::AbortHandle;

/// The last of a body is handed over without waiting for room if it has no more bytes than this: a new stream has none before
/// its connection has begun it, and then head and body would leave one after the other.
const SMALL: usize = 16 * 1024;

/// A body and the stream it goes into. Dropped before its end, it resets the stream.
pub(super) struct Upload {
    body: Body,
    stream: SendStream<Bytes>,
    /// Taken from the body, and not yet by the stream.
    chunk: Bytes,
}

/// How an upload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Uploaded {
    /// With the body's last byte.
    Complete,
    /// The server takes no more, or the stream failed: the answer tells which.
    Stopped,
}

/// An upload that goes on beside the answer. Dropping it ends it.
pub(super) struct Beside {
    task: AbortHandle,
    failure: Arc<Mutex<Option<BodyError>>>,
}

impl Upload {
    pub(super) fn new(body: Body, stream: SendStream<Bytes>) -> Self {
        Self { body, stream, chunk: Bytes::new() }
    }

    /// Sends what can be sent.
    ///
    /// # Errors
    /// The body broke off; the stream has been reset.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Uploaded, BodyError>> {
        loop {
            if !self.chunk.is_empty() {
                if ready!(self.poll_chunk(context)).is_none() {
                    return Poll::Ready(Ok(Uploaded::Stopped));
                }
                if self.chunk.is_empty() && self.body.is_end_stream() {
                    return Poll::Ready(Ok(Uploaded::Complete));
                }
                continue;
            }
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
                // A server may answer, and want no more, while the client is silent.
                return self.stream.poll_reset(context).map(|_| Ok(Uploaded::Stopped));
            };
            match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() && self.body.is_end_stream() => return Poll::Ready(Ok(self.finish())),
                    Ok(data) => self.chunk = data,
                    // Trailers of a request have no meaning to a model server.
                    Err(_trailers) => {}
                },
                Some(Err(error)) => {
                    self.stream.send_reset(Reason::CANCEL);
                    return Poll::Ready(Err(error));
                }
                None => return Poll::Ready(Ok(self.finish())),
            }
        }
    }

    /// Goes on in a task of its own, so that neither direction waits for the other's reader.
    pub(super) fn beside(mut self) -> Beside {
        let failure = Arc::new(Mutex::new(None));
        let told = Arc::clone(&failure);
        let task = tokio::spawn(async move {
            if let Err(error) = poll_fn(|context| self.poll(context)).await {
                *told.lock() = Some(error);
            }
        });
        Beside { task: task.abort_handle(), failure }
    }

    /// Hands as much of the chunk to the stream as the server's windows allow. `None`: the stream is closed.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<()>> {
        if self.chunk.len() <= SMALL && self.body.is_end_stream() {
            return Poll::Ready(self.stream.send_data(std::mem::take(&mut self.chunk), true).ok());
        }
        self.stream.reserve_capacity(self.chunk.len());
        while self.stream.capacity() == 0 {
            match ready!(self.stream.poll_capacity(context)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(None),
            }
        }
        let part = self.chunk.split_to(self.stream.capacity().min(self.chunk.len()));
        let last = self.chunk.is_empty() && self.body.is_end_stream();
        Poll::Ready(self.stream.send_data(part, last).ok())
    }

    fn finish(&mut self) -> Uploaded {
        match self.stream.send_data(Bytes::new(), true) {
            Ok(()) => Uploaded::Complete,
            Err(_) => Uploaded::Stopped,
        }
    }
}

impl Beside {
    /// Why the request's body broke off, if it did.
    pub(super) fn failure(&self) -> Option<BodyError> {
        self.failure.lock().clone()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.task.abort();
    }
}
