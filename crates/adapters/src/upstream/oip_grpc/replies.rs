//! The answers of a model that gives any number of them. Dropping it resets the stream to the server.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use sluicegate_core::{CallError, Endpoint, InferResponse};
use sluicegate_wire::Limits;
use sluicegate_wire::oip_grpc::client::{Streamed, decode_streamed};

use super::answers::Answers;
use super::faults::{in_band, nonsense};

/// Answers on their way. An error in band is an item, and others may follow it; any other error is the last item.
pub(super) struct Replies {
    /// `None` after the last item.
    answers: Option<Answers>,
    endpoint: Endpoint,
    id: Option<String>,
    limits: Limits,
}

impl Replies {
    /// The answers to the request of this id.
    pub(super) const fn new(answers: Answers, endpoint: Endpoint, id: Option<String>, limits: Limits) -> Self {
        Self { answers: Some(answers), endpoint, id, limits }
    }
}

impl Stream for Replies {
    type Item = Result<InferResponse, CallError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let Some(answers) = &mut this.answers else { return Poll::Ready(None) };
        let message = match ready!(answers.poll_message(context)) {
            Some(Ok(message)) => message,
            Some(Err(error)) => {
                this.answers = None;
                return Poll::Ready(Some(Err(error.into())));
            }
            None => {
                this.answers = None;
                return Poll::Ready(None);
            }
        };
        let item = match decode_streamed(message, &this.limits) {
            Ok(Streamed::Answer(mut response)) => {
                response.id.clone_from(&this.id);
                Ok(response)
            }
            Ok(Streamed::Error { message, .. }) => Err(in_band(&message, &this.endpoint)),
            Err(error) => {
                this.answers = None;
                Err(nonsense(&error.to_string(), &this.endpoint))
            }
        };
        Poll::Ready(Some(item))
    }
}
