//! One request and its answer over a shared connection. Dropping the future resets the stream.

use std::future::{Future, poll_fn};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as HttpBody;
use sluicegate_core::{Body, BodyError, Response, Sent};
use sluicegate_http2::{Fault as Ended, Receiving, ask};
use tokio::time::Instant;

use super::super::{Fault, HttpError, Request, Timer};
use super::Place;
use super::answer::LaneAnswer;
use super::faults::from_http2;
use super::upload::{Upload, Uploaded};

/// Most fields in an answer's head.
const FIELDS: usize = 100;

/// Who gives up waiting sooner says nothing of the connection.
const LONG: Duration = Duration::from_millis(200);

/// Why an exchange failed.
pub(in super::super) struct Failure {
    pub(in super::super) error: HttpError,
    /// The request's body, where nothing of it was taken up.
    pub(in super::super) body: Option<Body>,
    /// The request's time, to go on with.
    pub(in super::super) timer: Timer,
}

/// How an exchange ended before its answer's head was there.
enum End {
    Failed(Ended),
    Body(BodyError),
    TimedOut,
}

/// A stream before its answer's head.
struct Opening {
    incoming: Receiving,
    upload: Option<Upload>,
    /// Whether the request's last byte was handed over.
    ended: bool,
    // The last to go: with it others take the place.
    place: Place,
}

/// Waits for an answer's head. Whoever drops it has given up: a connection over which nothing came for long is then
/// not used again, as where the request's own time is over.
struct Waiting<'a> {
    opening: &'a mut Opening,
    began: Option<Instant>,
    over: bool,
}

/// Sends a request and waits for the head of its answer.
pub(in super::super) async fn exchange(
    place: Place,
    head: &Request<()>,
    body: Body,
    (mut timer, began): (Timer, Option<Instant>),
) -> Result<Response<LaneAnswer>, Failure> {
    // What is at hand of it leaves with the head.
    let (mut chunk, body) = match body {
        Body::Full(bytes) => (bytes, Body::Empty),
        body => (Bytes::new(), body),
    };
    let target = (&head.method, &head.target);
    let (outgoing, incoming) = match ask(place.protocol(), target, &head.headers, &mut chunk, body.is_end_stream()) {
        Ok(asked) => asked,
        Err(error) => {
            let body = Some(if chunk.is_empty() { body } else { Body::Full(chunk) });
            return Err(Failure { error: from_http2(&error, Sent::Nothing), body, timer });
        }
    };
    let ended = outgoing.is_none();
    let upload = outgoing.map(|outgoing| Upload::new(chunk, body, outgoing));
    let mut opening = Opening { incoming, upload, ended, place };
    let mut waiting = Waiting { opening: &mut opening, began, over: false };
    let ended = poll_fn(|context| waiting.poll(&mut timer, context)).await;
    drop(waiting);
    match ended {
        Ok(response) if response.headers.len() > FIELDS => {
            let error = HttpError::new(Fault::Nonsense, opening.sent(), "its head has too many fields");
            Err(Failure { error, body: None, timer })
        }
        Ok(response) => {
            let beside = opening.upload.map(Upload::beside);
            Ok(response.map(|()| LaneAnswer::new(opening.incoming, opening.place, beside, timer)))
        }
        Err(end) => Err(Failure { error: opening.judge(end), body: None, timer }),
    }
}

impl Opening {
    fn poll(&mut self, timer: &mut Timer, context: &mut Context<'_>) -> Poll<Result<Response<()>, End>> {
        if let Some(upload) = &mut self.upload
            && let Poll::Ready(uploaded) = upload.poll(context)
        {
            match uploaded {
                Ok(uploaded) => {
                    self.ended = uploaded == Uploaded::Complete;
                    self.upload = None;
                }
                Err(error) => return Poll::Ready(Err(End::Body(error))),
            }
        }
        match self.incoming.poll_head(context) {
            Poll::Ready(answer) => Poll::Ready(answer.map_err(End::Failed)),
            Poll::Pending => timer.as_mut().poll(context).map(|()| Err(End::TimedOut)),
        }
    }

    /// How much of the request may have left. In doubt it says more, never less.
    fn sent(&self) -> Sent {
        if !self.incoming.has_left() {
            Sent::Nothing
        } else if self.ended {
            Sent::All
        } else {
            Sent::Partial
        }
    }

    /// Whether nothing has come over the connection since the stream began.
    fn is_silent(&self) -> bool {
        self.place.protocol().lock().received() == self.incoming.before()
    }

    fn judge(&self, end: End) -> HttpError {
        let sent = self.sent();
        match end {
            End::Failed(error) => from_http2(&error, sent),
            End::Body(error) => {
                let cause = format!("the request's body: {error}");
                HttpError::new(Fault::Request(error), sent, cause)
            }
            End::TimedOut => {
                if self.is_silent() {
                    self.place.distrust();
                }
                HttpError::new(Fault::TimedOut, sent, "no answer within the request's time")
            }
        }
    }
}

impl Waiting<'_> {
    fn poll(&mut self, timer: &mut Timer, context: &mut Context<'_>) -> Poll<Result<Response<()>, End>> {
        let polled = self.opening.poll(timer, context);
        self.over = polled.is_ready();
        polled
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.over && self.opening.is_silent() && self.began.is_some_and(|began| began.elapsed() >= LONG) {
            self.opening.place.distrust();
        }
    }
}
