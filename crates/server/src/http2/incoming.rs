//! A request's body off an HTTP/2 stream. What is handed over is room for the client to send more.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use h2::RecvStream;
use http_body::{Body, Frame, SizeHint};
use sluicegate_core::Fields;

/// Ends with the data: trailers of a request mean nothing to us.
#[derive(Debug)]
pub(super) struct Incoming {
    stream: RecvStream,
    /// What was there before anybody asked for it.
    first: Option<Result<Bytes, h2::Error>>,
    /// What is still to come, where the head said so. The library holds the client to it.
    left: Option<u64>,
}

impl Incoming {
    pub(super) fn new(stream: RecvStream, headers: &Fields) -> Self {
        let length = headers.get("content-length").and_then(|value| value.as_str()?.parse().ok());
        Self { stream, first: None, left: length }
    }

    /// The body, if all of it is here already, as it mostly is of a short request, and has no more bytes than `most`.
    pub(super) fn whole(&mut self, most: u64) -> Option<Bytes> {
        // Nothing is waited for: who does asks again.
        let Poll::Ready(Some(first)) = self.stream.poll_data(&mut Context::from_waker(Waker::noop())) else {
            return None;
        };
        match first {
            // What broke, or goes on, is told in its turn.
            Ok(data) if self.stream.is_end_stream() && data.len() as u64 <= most => {
                self.make_room(data.len());
                Some(data)
            }
            first => {
                self.first = Some(first);
                None
            }
        }
    }

    fn make_room(&mut self, bytes: usize) {
        // Fails only on a stream that is over, which needs no room.
        let _ = self.stream.flow_control().release_capacity(bytes);
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        // A reset is an error, whatever its code says: a body that ends by it was not sent whole.
        let data = match self.first.take() {
            Some(first) => first?,
            None => match ready!(self.stream.poll_data(context)) {
                Some(data) => data?,
                None => return Poll::Ready(None),
            },
        };
        self.make_room(data.len());
        self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
