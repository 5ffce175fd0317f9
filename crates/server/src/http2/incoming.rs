//! A request's body off an HTTP/2 stream. What is handed over is room for the client to send more.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use sluicegate_core::Fields;
use sluicegate_http2::{Fault, Receiving};

/// Ends with the data: trailers of a request mean nothing to us.
#[derive(Debug)]
pub(super) struct Incoming {
    stream: Receiving,
    /// What is still to come, where the head said so. The client is held to it.
    left: Option<u64>,
}

impl Incoming {
    pub(super) fn new(stream: Receiving, headers: &Fields) -> Self {
        let length = headers.get("content-length").and_then(|value| value.as_str()?.parse().ok());
        Self { stream, left: length }
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        // A reset is an error, whatever its code says: a body that ends by it was not sent whole.
        self.stream.poll_data(context).map(|piece| {
            let data = piece?;
            if let (Ok(data), Some(left)) = (&data, &mut self.left) {
                *left = left.saturating_sub(data.len() as u64);
            }
            Some(data.map(Frame::data))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
