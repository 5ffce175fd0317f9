//! An answer's body on its way out over HTTP/2, with the ticket of its request.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use sluicegate_core::{Body, BodyError};

use crate::joined::Joined;
use crate::pulse::Ticket;

/// Passes a body through; its request is in flight until this is dropped.
#[derive(Debug)]
pub(crate) struct Answer {
    body: Joined,
    ticket: Ticket,
}

impl Answer {
    pub(crate) fn new(body: Body, ticket: Ticket) -> Self {
        Self { body: Joined::new(body), ticket }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(context);
        this.ticket.polled(polled.is_ready());
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
