//! The messages of one answer, and how it ended. Must not know what the messages mean.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use sluicegate_core::{
    BodyError, BodyStream as _, CallClass, CallError, Endpoint, Fields, Lease, Metadata, Part, Response, Sent,
};
use sluicegate_wire::grpc::frame::{FrameError, Reader};
use sluicegate_wire::grpc::status::{Code, Status};
use sluicegate_wire::grpc::{Encoding, is_grpc};

use super::faults::{Failed, from_status, nonsense};
use crate::http::Answer;
use crate::remote::headers::models_own;

/// An answer, read message by message.
pub(super) struct Answers {
    answer: Answer,
    reader: Reader,
    /// What the message takes that is being put together.
    memory: Lease,
    /// Arrived, and not yet read.
    piece: Bytes,
    http: u16,
    head: Fields,
    trailers: Fields,
    endpoint: Endpoint,
    over: bool,
}

impl Answers {
    /// The answer whose head is there. Messages have at most `limit` bytes.
    ///
    /// # Errors
    /// The head is all there is and says that the call failed, or it is none of gRPC.
    pub(super) fn of(
        response: Response<Answer>,
        endpoint: &Endpoint,
        (limit, memory): (u64, Lease),
    ) -> Result<Self, Failed> {
        let (head, answer) = response.into_parts();
        let (http, head) = (head.status.as_u16(), head.headers);
        // Trailers alone: the status stands in the head.
        if let Some(status) = Status::read(&head)
            && status.code != Code::Ok
        {
            return Err(from_status(&status, &head, endpoint));
        }
        if http != 200 {
            return Err(from_status(&Status::of_answer(http, &head, None), &head, endpoint));
        }
        if !is_grpc(&head) {
            return Err(nonsense("its content type is not gRPC's: does this port speak oip-grpc?", endpoint).into());
        }
        let reader = Reader::new(Encoding::of(&head), limit);
        Ok(Self {
            answer,
            reader,
            memory,
            piece: Bytes::new(),
            http,
            head,
            trailers: Fields::new(),
            endpoint: endpoint.clone(),
            over: false,
        })
    }

    /// The next message; none after a good end. After an error there is nothing more.
    pub(super) fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failed>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let next = ready!(self.poll_next(context));
        self.over = !matches!(next, Some(Ok(_)));
        Poll::Ready(next)
    }

    /// What stood around the messages, once they are over; `None` where that is nothing of the model's own.
    pub(super) fn metadata(self) -> Option<Box<Metadata>> {
        let (head, trailers) = (models_own(self.head), models_own(self.trailers));
        let any = !(head.is_empty() && trailers.is_empty());
        any.then(|| Box::new(Metadata { head, trailers }))
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failed>>> {
        loop {
            match self.reader.read(&mut self.piece) {
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(self.unreadable(&error).into()))),
            }
            match ready!(Pin::new(&mut self.answer).poll_part(context)) {
                Some(Ok(Part::Data(data))) => {
                    let length = self.reader.gathered().saturating_add(data.len());
                    if let Err(full) = self.memory.cover(length as u64) {
                        return Poll::Ready(Some(Err(self.broken(&full.into()).into())));
                    }
                    self.piece = data;
                }
                Some(Ok(Part::Trailers(trailers))) => {
                    let end = self.end(Some(&trailers));
                    self.trailers = trailers;
                    return Poll::Ready(end);
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(self.broken(&error).into()))),
                None => return Poll::Ready(self.end(None)),
            }
        }
    }

    fn end(&self, trailers: Option<&Fields>) -> Option<Result<Bytes, Failed>> {
        let status = Status::of_answer(self.http, &self.head, trailers);
        if status.code != Code::Ok {
            return Some(Err(from_status(&status, trailers.unwrap_or(&self.head), &self.endpoint)));
        }
        self.reader.end().err().map(|error| Err(self.unreadable(&error).into()))
    }

    fn unreadable(&self, error: &FrameError) -> CallError {
        let mut failed = nonsense(&error.to_string(), &self.endpoint);
        if error.code() == Code::ResourceExhausted {
            failed.cause.push_str("; `max_message` of the backend is the limit");
            failed.public = Some("the model server's answer is larger than the gateway takes".to_owned());
        }
        failed
    }

    fn broken(&self, error: &BodyError) -> CallError {
        let class = match error {
            BodyError::Broken(_) => CallClass::Transport,
            BodyError::TooLarge { .. } => CallClass::Server,
            BodyError::TimedOut => CallClass::Timeout,
            BodyError::NoRoom => CallClass::NoRoom,
        };
        CallError::new(class, Sent::All, format!("{} began to answer, but {error}", self.endpoint.authority))
    }
}
