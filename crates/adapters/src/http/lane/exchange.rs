//! One request and its answer over a shared connection. Dropping the future resets the stream.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use h2::client::ResponseFuture;
use http::{Request, Response};
use http_body::Body as HttpBody;
use sluicegate_core::{Body, BodyError, Sent};
use tokio::time::Instant;

use super::super::{Fault, HttpError, Timer};
use super::Place;
use super::answer::LaneAnswer;
use super::faults::from_h2;
use super::upload::{Upload, Uploaded};

/// Most interim (1xx) answers before the answer.
const INTERIM: u32 = 16;

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
    Failed(h2::Error),
    Body(BodyError),
    Flooded,
    TimedOut,
}

/// A stream before its answer's head.
struct Opening {
    place: Place,
    response: ResponseFuture,
    upload: Option<Upload>,
    /// Whether the request's last byte was handed over.
    ended: bool,
    interim: u32,
    /// What the connection had written and read when the stream began.
    before: (u64, u64),
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
    mut place: Place,
    head: Request<()>,
    body: Body,
    (mut timer, began): (Timer, Option<Instant>),
) -> Result<Response<LaneAnswer>, Failure> {
    let ended = body.is_end_stream();
    let before = (place.gauge().written(), place.gauge().read());
    let (response, stream) = match place.sender().send_request(head, ended) {
        Ok(opened) => opened,
        Err(error) => return Err(Failure { error: from_h2(&error, Sent::Nothing), body: Some(body), timer }),
    };
    let upload = (!ended).then(|| Upload::new(body, stream));
    let mut opening = Opening { place, response, upload, ended, interim: 0, before };
    let mut waiting = Waiting { opening: &mut opening, began, over: false };
    let ended = poll_fn(|context| waiting.poll(&mut timer, context)).await;
    drop(waiting);
    match ended {
        Ok(response) if response.headers().len() > FIELDS => {
            let error = HttpError::new(Fault::Nonsense, opening.sent(), "its head has too many fields");
            Err(Failure { error, body: None, timer })
        }
        Ok(response) => {
            let (head, incoming) = response.into_parts();
            let beside = opening.upload.map(Upload::beside);
            Ok(Response::from_parts(head, LaneAnswer::new(incoming, opening.place, beside, timer)))
        }
        Err(end) => Err(Failure { error: opening.judge(end), body: None, timer }),
    }
}

impl Opening {
    fn poll(&mut self, timer: &mut Timer, context: &mut Context<'_>) -> Poll<Result<Response<h2::RecvStream>, End>> {
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
        while let Poll::Ready(Some(Ok(_))) = self.response.poll_informational(context) {
            self.interim += 1;
            if self.interim > INTERIM {
                return Poll::Ready(Err(End::Flooded));
            }
        }
        match Pin::new(&mut self.response).poll(context) {
            Poll::Ready(answer) => Poll::Ready(answer.map_err(End::Failed)),
            Poll::Pending => timer.as_mut().poll(context).map(|()| Err(End::TimedOut)),
        }
    }

    /// How much of the request may have left. In doubt it says more, never less.
    fn sent(&self) -> Sent {
        if self.place.gauge().written() == self.before.0 {
            Sent::Nothing
        } else if self.ended {
            Sent::All
        } else {
            Sent::Partial
        }
    }

    /// Whether nothing has come over the connection since the stream began.
    fn is_silent(&self) -> bool {
        self.place.gauge().read() == self.before.1
    }

    fn judge(&self, end: End) -> HttpError {
        let sent = self.sent();
        match end {
            End::Failed(error) => from_h2(&error, sent),
            End::Body(error) => {
                let cause = format!("the request's body: {error}");
                HttpError::new(Fault::Request(error), sent, cause)
            }
            End::Flooded => HttpError::new(Fault::Nonsense, sent, "it sent interim answers without end"),
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
    fn poll(&mut self, timer: &mut Timer, context: &mut Context<'_>) -> Poll<Result<Response<h2::RecvStream>, End>> {
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
