//! The answers of a model that gives any number of them, read from events. Dropping it closes the connection, by which
//! the server learns that nobody waits.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use http::StatusCode;
use sluicegate_core::{
    BodyStream as _, CallClass, CallError, Endpoint, FINAL, Fields, InferRequest, InferResponse, ModelMetadata,
    Parameter, Part, Sent,
};
use sluicegate_wire::Limits;
use sluicegate_wire::oip_rest::client::{Generated, decode_generated};
use sluicegate_wire::sse::{EVENT_LIMIT, Event, Oversize, Reader};

use super::ask::from_status;
use super::generate::asks_final;
use crate::http::Answer;
use crate::remote::faults::{from_body, nonsense};
use crate::remote::scrub::{scrub, shorten};

/// Answers on their way. An error in band is an item, and others may follow it; any other error is the last item.
pub(super) struct Events {
    /// `None` after the last event.
    answer: Option<Answer>,
    reader: Reader,
    status: StatusCode,
    /// Whether an event was read: the status is the first one's.
    begun: bool,
    endpoint: Endpoint,
    metadata: Arc<ModelMetadata>,
    /// The outputs asked for; empty for all.
    wanted: Vec<String>,
    id: Option<String>,
    /// Whether the end is still to be told as an answer of its own.
    last: bool,
}

impl Events {
    /// The answers to `request`, which come as `answer`.
    pub(super) fn new(
        answer: Answer,
        status: StatusCode,
        endpoint: Endpoint,
        request: InferRequest,
        metadata: Arc<ModelMetadata>,
    ) -> Self {
        let last = asks_final(&request);
        Self {
            answer: Some(answer),
            reader: Reader::new(EVENT_LIMIT, Oversize::Refuse),
            status,
            begun: false,
            endpoint,
            metadata,
            wanted: request.outputs.into_iter().map(|output| output.name).collect(),
            id: request.id,
            last,
        }
    }

    /// What an event says; `None` for one that is nothing to a client.
    fn read(&mut self, event: &Event) -> Option<Result<InferResponse, CallError>> {
        let data = event.data()?.text;
        let first = !std::mem::replace(&mut self.begun, true);
        match decode_generated(&data, &self.metadata, &self.wanted, &Limits::default()) {
            Ok(Generated::Answer(response)) => Some(Ok(self.marked(response, false))),
            Ok(Generated::Error(_)) if first && !self.status.is_success() => {
                Some(Err(from_status(self.status, &Fields::new(), &data, &self.endpoint)))
            }
            Ok(Generated::Error(told)) => {
                let told = shorten(&scrub(&told, &self.endpoint)).to_owned();
                let cause = format!("{}: {told}", self.endpoint.authority);
                // As Triton has it where such an error is the first.
                Some(Err(CallError::new(CallClass::Client, Sent::All, cause).telling(told).answered(400)))
            }
            Err(error) => Some(Err(self.fail(nonsense(&error.to_string(), &self.endpoint)))),
        }
    }

    fn marked(&self, mut response: InferResponse, last: bool) -> InferResponse {
        response.parameters.set(FINAL, Parameter::Bool(last));
        response.id.clone_from(&self.id);
        response
    }

    fn fail(&mut self, error: CallError) -> CallError {
        self.answer = None;
        self.last = false;
        error
    }

    /// The stream has come to its end.
    fn end(&mut self) -> Option<Result<InferResponse, CallError>> {
        self.answer = None;
        if self.reader.rest().is_some() {
            return Some(Err(self.fail(nonsense("it ended within an event", &self.endpoint))));
        }
        std::mem::take(&mut self.last).then(|| Ok(self.marked(InferResponse::default(), true)))
    }
}

impl Stream for Events {
    type Item = Result<InferResponse, CallError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            match this.reader.next_event() {
                Ok(Some(event)) => match this.read(&event) {
                    Some(item) => return Poll::Ready(Some(item)),
                    None => continue,
                },
                Ok(None) => {}
                Err(error) => {
                    let error = nonsense(&error.to_string(), &this.endpoint);
                    return Poll::Ready(Some(Err(this.fail(error))));
                }
            }
            let Some(answer) = &mut this.answer else { return Poll::Ready(None) };
            match ready!(Pin::new(answer).poll_part(context)) {
                Some(Ok(Part::Data(data))) => this.reader.push(data),
                Some(Ok(Part::Trailers(_))) => {}
                Some(Err(error)) => {
                    let error = from_body(&error, this.status, &this.endpoint);
                    return Poll::Ready(Some(Err(this.fail(error))));
                }
                None => return Poll::Ready(this.end()),
            }
        }
    }
}
