//! One connection to an endpoint, and one exchange over it.
//!
//! The connection is driven by whoever polls its request or its answer, never by a task of its own: dropping either
//! closes the socket at once, and no chunk crosses from one task to another.

mod answer;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use sluicegate_core::{Body, Sent};
use tokio::time::Sleep;

pub(super) use self::answer::LineAnswer;
use super::gauge::{Counted, Gauge, Outgoing};
use super::{Fault, HttpError, Io};

/// Longest head of an answer, in bytes. Its number of fields is bounded by hyper's default of 100.
const HEAD_LIMIT: usize = 32 * 1024;

/// Most bytes read before the head of the answer is complete: room for it and as much of interim (1xx) answers, which
/// are ignored. Held against after each turn, so that what is buffered together with the head does not count.
const PREFACE_LIMIT: u64 = 2 * HEAD_LIMIT as u64;

/// One connection.
pub(super) struct Line {
    sender: SendRequest<Outgoing>,
    /// `None` once it has ended: with it go the socket, and what was queued for it.
    driver: Option<Connection<TokioIo<Counted>, Outgoing>>,
    gauge: Arc<Gauge>,
}

/// Why an exchange failed, and its request where not a byte of it was taken up.
pub(super) struct Failure {
    pub(super) error: HttpError,
    pub(super) request: Option<Box<Request<Body>>>,
}

/// How an exchange ended before its answer's head was complete.
enum End {
    Failed(Box<TrySendError<Request<Outgoing>>>),
    Stopped,
    Flooded,
    TimedOut,
}

impl Line {
    /// Speaks HTTP/1.1 over `io`.
    pub(super) async fn over(io: Box<dyn Io>) -> Result<Box<Self>, HttpError> {
        let gauge = Arc::new(Gauge::default());
        let io = TokioIo::new(Counted::new(io, Arc::clone(&gauge)));
        let (sender, driver) = Builder::new()
            .max_header_size(HEAD_LIMIT)
            .handshake(io)
            .await
            .map_err(|error| HttpError::new(Fault::Connect, Sent::Nothing, explain(&error)))?;
        Ok(Box::new(Self { sender, driver: Some(driver), gauge }))
    }

    /// Lets the connection do what it can. Whether it is still open.
    pub(super) fn drive(&mut self, context: &mut Context<'_>) -> bool {
        let ended = self.driver.as_mut().is_none_or(|driver| Pin::new(driver).poll(context).is_ready());
        if ended {
            self.driver = None;
        }
        !ended
    }

    /// Whether a request can be sent: open, nothing unread, the exchange before complete in both directions.
    pub(super) fn is_fit(&mut self, context: &mut Context<'_>) -> bool {
        self.gauge.ended() && self.drive(context) && self.sender.is_ready()
    }

    /// How much of the current request has left.
    pub(super) fn sent(&self) -> Sent {
        self.gauge.sent()
    }

    /// Sends `request` and waits for the head of its answer.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Body>,
        timer: &mut Pin<Box<Sleep>>,
    ) -> Result<Response<Incoming>, Failure> {
        let request = request.map(|body| Outgoing::begin(body, &self.gauge));
        let mut answer = pin!(self.sender.try_send_request(request));
        let end = poll_fn(|context| {
            if let Poll::Ready(result) = answer.as_mut().poll(context) {
                return Poll::Ready(result.map_err(|failed| End::Failed(Box::new(failed))));
            }
            let open = self.drive(context);
            match answer.as_mut().poll(context) {
                Poll::Ready(result) => Poll::Ready(result.map_err(|failed| End::Failed(Box::new(failed)))),
                Poll::Pending if !open => Poll::Ready(Err(End::Stopped)),
                Poll::Pending if self.gauge.read() > PREFACE_LIMIT => Poll::Ready(Err(End::Flooded)),
                Poll::Pending => timer.as_mut().poll(context).map(|()| Err(End::TimedOut)),
            }
        })
        .await;
        match end {
            Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                Err(self.failure(Fault::Nonsense, "it answered 101, though no other protocol was asked for"))
            }
            Ok(response) => Ok(response),
            Err(end) => Err(self.judge(end)),
        }
    }

    fn judge(&self, end: End) -> Failure {
        match end {
            End::Stopped => self.failure(Fault::Broken, "the connection ended without an answer"),
            End::Flooded => self.failure(Fault::Nonsense, "it sent interim answers without end"),
            End::TimedOut => self.failure(Fault::TimedOut, "no answer within the request's time"),
            End::Failed(mut failed) => {
                let request = failed.take_message();
                let error = failed.into_error();
                // A request that comes back was never begun.
                let sent = if request.is_some() { Sent::Nothing } else { self.sent() };
                let fault = match self.gauge.failure() {
                    Some(reason) => Fault::Request(reason),
                    None if error.is_parse() || error.is_parse_too_large() => Fault::Nonsense,
                    None => Fault::Broken,
                };
                let request = request.map(|request| Box::new(request.map(Outgoing::into_inner)));
                Failure { error: HttpError::new(fault, sent, explain(&error)), request }
            }
        }
    }

    fn failure(&self, fault: Fault, cause: &str) -> Failure {
        Failure { error: HttpError::new(fault, self.sent(), cause), request: None }
    }
}

/// An error with what lies behind it, for operators.
pub(super) fn explain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    // hyper nests two or three deep; the bound is for whatever else may come.
    for _ in 0..4 {
        let Some(inner) = source else { break };
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
