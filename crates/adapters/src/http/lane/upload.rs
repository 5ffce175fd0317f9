//! A request's body on its way into a stream, as fast as the server takes it. Must not know of the answer.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Body as HttpBody;
use parking_lot::Mutex;
use sluicegate_core::{Body, BodyError};
use sluicegate_http2::{Code, Sending};
use tokio::task::AbortHandle;

/// A body and the stream it goes into. Dropped before its end, it resets the stream.
pub(super) struct Upload {
    body: Body,
    stream: Sending,
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
    /// Of `chunk`, and of `body` behind it.
    pub(super) const fn new(chunk: Bytes, body: Body, stream: Sending) -> Self {
        Self { body, stream, chunk }
    }

    /// Sends what can be sent.
    ///
    /// # Errors
    /// The body broke off; the stream has been reset.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Uploaded, BodyError>> {
        loop {
            if !self.chunk.is_empty() {
                let last = self.body.is_end_stream();
                match ready!(self.stream.poll_send(&mut self.chunk, last, context)) {
                    None => return Poll::Ready(Ok(Uploaded::Stopped)),
                    Some(_) if last && self.chunk.is_empty() => return Poll::Ready(Ok(Uploaded::Complete)),
                    Some(_) => continue,
                }
            }
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
                // A server may answer, and want no more, while the client is silent.
                return self.stream.poll_ended(context).map(|_| Ok(Uploaded::Stopped));
            };
            match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() && self.body.is_end_stream() => return self.finish(context),
                    Ok(data) => self.chunk = data,
                    // Trailers of a request have no meaning to a model server.
                    Err(_trailers) => {}
                },
                Some(Err(error)) => {
                    self.stream.reset(Code::CANCEL);
                    return Poll::Ready(Err(error));
                }
                None => return self.finish(context),
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

    fn finish(&mut self, context: &Context<'_>) -> Poll<Result<Uploaded, BodyError>> {
        let ended = self.stream.poll_send(&mut Bytes::new(), true, context);
        ended.map(|ended| Ok(if ended.is_some() { Uploaded::Complete } else { Uploaded::Stopped }))
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
