//! The body of an answer over HTTP/2, with its trailers. What the reader has not taken, the server has not sent, beyond
//! the stream's window. Dropped before its end, it resets the stream.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::RecvStream;
use http_body::{Body as HttpBody, Frame, SizeHint};
use sluicegate_core::{BodyError, Sent};

use super::super::Timer;
use super::Place;
use super::faults::from_h2;
use super::upload::Beside;

/// The body of an answer, on its way.
pub(in super::super) struct LaneAnswer {
    incoming: RecvStream,
    /// `None` once it has ended, however it ended.
    open: Option<Open>,
}

/// What an answer holds until its end.
struct Open {
    _place: Place,
    beside: Option<Beside>,
    timer: Timer,
    /// All data has come; trailers are left.
    trailing: bool,
}

impl LaneAnswer {
    /// The body that comes as `incoming` until `timer` ends, while the request still goes out `beside` it.
    pub(super) fn new(incoming: RecvStream, place: Place, beside: Option<Beside>, timer: Timer) -> Self {
        let open = Open { _place: place, beside, timer, trailing: false };
        let ended = incoming.is_end_stream();
        Self { incoming, open: (!ended).then_some(open) }
    }

    fn fail(&mut self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.open = None;
        Poll::Ready(Some(Err(error)))
    }

    fn broken(&mut self, error: &h2::Error) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let own = self.open.as_ref().and_then(|open| open.beside.as_ref()).and_then(Beside::failure);
        let cause = match own {
            Some(own) => format!("the request's body: {own}"),
            None => from_h2(error, Sent::All).cause,
        };
        self.fail(BodyError::Broken(cause))
    }
}

impl HttpBody for LaneAnswer {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let Some(open) = &mut this.open else { return Poll::Ready(None) };
        // Asked first: bytes that never stop coming must not outrun it.
        if open.timer.as_mut().poll(context).is_ready() {
            return this.fail(BodyError::TimedOut);
        }
        if !open.trailing {
            match this.incoming.poll_data(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(data))) => {
                    // Handed on with this call; a stream already closed needs no room.
                    let _ = this.incoming.flow_control().release_capacity(data.len());
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Poll::Ready(Some(Err(error))) => return this.broken(&error),
                Poll::Ready(None) => open.trailing = true,
            }
        }
        match this.incoming.poll_trailers(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(trailers)) => {
                this.open = None;
                Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
            }
            Poll::Ready(Err(error)) => this.broken(&error),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.open.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.open.is_none() { SizeHint::with_exact(0) } else { SizeHint::default() }
    }
}
