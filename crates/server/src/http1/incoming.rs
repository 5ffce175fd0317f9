//! A request's body, read off its connection as it is asked for.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite};

use super::wire::{Shared, Wire};

/// The body of the request that the connection serves now.
pub(super) struct Incoming<Io> {
    wire: Shared<Io>,
}

impl<Io> Incoming<Io> {
    /// To be made once a request.
    pub(super) fn new(wire: &mut Wire<Io>) -> Self {
        wire.lock().hold_body(true);
        Self { wire: wire.share() }
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> HttpBody for Incoming<Io> {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        self.wire.lock().poll_body(context).map(|polled| polled.map(|read| read.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.wire.lock().body_is_read()
    }

    fn size_hint(&self) -> SizeHint {
        self.wire.lock().body_left().map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl<Io> Drop for Incoming<Io> {
    fn drop(&mut self) {
        self.wire.lock().hold_body(false);
    }
}
