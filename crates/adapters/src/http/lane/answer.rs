//! The body of an answer over HTTP/2, with its trailers. What the reader has not taken, the server has not sent, beyond
//! the stream's window. Dropped before its end, it resets the stream.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::SizeHint;
use sluicegate_core::{BodyError, BodyStream, Part, Sent};
use sluicegate_http2::{Fault as Ended, Receiving};

use super::super::Timer;
use super::Place;
use super::faults::from_http2;
use super::upload::Beside;

/// The body of an answer, on its way. `None` once it has ended, however it ended.
pub(in super::super) struct LaneAnswer(Option<Open>);

/// What an answer holds until its end.
struct Open {
    incoming: Receiving,
    beside: Option<Beside>,
    timer: Timer,
    // The last to go: with it others take the place.
    _place: Place,
}

impl LaneAnswer {
    /// The body that comes as `incoming` until `timer` ends, while the request still goes out `beside` it.
    pub(super) fn new(incoming: Receiving, place: Place, beside: Option<Beside>, timer: Timer) -> Self {
        let ended = incoming.is_end();
        Self((!ended).then_some(Open { incoming, beside, timer, _place: place }))
    }

    fn fail(&mut self, error: BodyError) -> Poll<Option<Result<Part, BodyError>>> {
        self.0 = None;
        Poll::Ready(Some(Err(error)))
    }

    fn broken(&mut self, ended: &Ended) -> Poll<Option<Result<Part, BodyError>>> {
        let own = self.0.as_ref().and_then(|open| open.beside.as_ref()).and_then(Beside::failure);
        let cause = match own {
            Some(own) => format!("the request's body: {own}"),
            None => from_http2(ended, Sent::All).cause,
        };
        self.fail(BodyError::Broken(cause))
    }
}

impl BodyStream for LaneAnswer {
    fn poll_part(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Part, BodyError>>> {
        let this = self.get_mut();
        let Some(open) = &mut this.0 else { return Poll::Ready(None) };
        // Asked first: bytes that never stop coming must not outrun it.
        if open.timer.as_mut().poll(context).is_ready() {
            return this.fail(BodyError::TimedOut);
        }
        match open.incoming.poll_data(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(data))) => Poll::Ready(Some(Ok(Part::Data(data)))),
            Poll::Ready(Some(Err(ended))) => this.broken(&ended),
            Poll::Ready(None) => {
                let trailers = open.incoming.trailers();
                this.0 = None;
                Poll::Ready(trailers.map(|trailers| Ok(Part::Trailers(trailers))))
            }
        }
    }

    fn is_over(&self) -> bool {
        self.0.is_none()
    }

    fn length(&self) -> SizeHint {
        if self.0.is_none() { SizeHint::with_exact(0) } else { SizeHint::default() }
    }
}
