//! Questions about what the gateway serves, on one stream. One is answered at a time: the next is read when the client
//! has taken the answer, so that a short question cannot pile up long answers.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::poll_fn;
use futures_util::stream;
use sluicegate_core::{Body, Kind, Outbound, Part, Refusal};
use sluicegate_wire::grpc::frame::{self, Reader};
use sluicegate_wire::grpc::status::Status;
use sluicegate_wire::{codec, grpc};
use tokio::time::timeout;

use super::name::Questions;
use super::read::broken;
use super::stream::Parts;
use crate::trail::Trail;

/// Bytes of one question: a name.
const QUESTION: u64 = 16 * 1024;

/// Questions on one stream. A tool asks for each file once, and there are few.
const QUESTIONS: usize = 1000;

/// Answers question after question. The head leaves at once.
pub(crate) fn reflect(questions: Questions, silence: Duration, trail: &mut Trail) -> Result<Outbound, Refusal> {
    if !grpc::is_grpc(&questions.head.headers) {
        return Err(Refusal::new(Kind::UnsupportedEncoding, "a gRPC call has the content-type application/grpc"));
    }
    let Some(answer) = codec(questions.protocol).reflect else {
        return Err(Refusal::new(Kind::NoSuchPath, "this protocol does not describe the gateway"));
    };
    let reader = Reader::new(grpc::Encoding::of(&questions.head.headers), QUESTION);
    let asking = Asking { reader, unread: Bytes::new(), body: questions.body, silence, left: QUESTIONS };
    let heard = trail.heard();
    let parts = stream::unfold(Some((asking, heard)), move |open| async move {
        let (mut asking, heard) = open?;
        let told = match asking.next().await {
            Ok(Some(question)) => answer(&question).and_then(|told| Ok(frame::whole(&told)?)).map(Some),
            Ok(None) => Ok(None),
            Err(refusal) => Err(refusal),
        };
        Some(match told {
            Ok(Some(framed)) => (Part::Data(framed), Some((asking, heard))),
            Ok(None) => (Part::Trailers(Status::OK.trailers()), None),
            Err(refusal) => {
                heard.refused(&refusal);
                (Part::Trailers(Status::from(&refusal).trailers()), None)
            }
        })
    });
    let mut answer = Outbound::new(Body::stream(Parts(Box::pin(parts))));
    answer.headers.insert(http::header::CONTENT_TYPE, grpc::CONTENT);
    Ok(answer)
}

/// A stream under way.
struct Asking {
    reader: Reader,
    unread: Bytes,
    body: Body,
    /// How long the client may say nothing.
    silence: Duration,
    left: usize,
}

impl Asking {
    /// The next question; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        loop {
            if let Some(question) = self.reader.read(&mut self.unread)? {
                let many = || Refusal::new(Kind::BadRequest, "too many questions on one stream; open another");
                self.left = self.left.checked_sub(1).ok_or_else(many)?;
                return Ok(Some(question));
            }
            let part = timeout(self.silence, poll_fn(|context| self.body.poll_part(context))).await;
            let silent = |_| Refusal::new(Kind::SlowRequest, "no question came on the stream for too long");
            match part.map_err(silent)? {
                None => return Ok(self.reader.end().map(|()| None)?),
                Some(part) => {
                    if let Part::Data(data) = part.map_err(|error| broken(&error))? {
                        self.unread = data;
                    }
                }
            }
        }
    }
}
