//! A request's body as the handler reads it: bounded in size and time, without trailers.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use sluicegate_core::{Body, BodyError, Leisure};
use tokio::time::{Instant, Sleep};

use crate::alarm::later;
use crate::limits::Limits;

/// How late a client may be with the bytes that its body must bring.
const LATE: Duration = Duration::from_secs(10);

pin_project! {
    /// Bounds a body that comes over either version of HTTP. The timer lives in here: nothing is allocated or spawned a chunk.
    struct Received<B> {
        #[pin]
        incoming: B,
        #[pin]
        alarm: Option<Sleep>,
        // Since when a byte is waited for.
        waiting: Option<Instant>,
        // What is left of the time to wait.
        patience: Duration,
        // How many bytes a second of waiting must bring; none is asked for at 0.
        rate: u64,
        // Time waited that no bytes have made up for yet.
        owed: Duration,
        // What is left of the bytes to take.
        room: u64,
        limit: u64,
        failed: Option<BodyError>,
        // Whether the handler sees to the limits itself.
        leisure: Leisure,
    }
}

/// The body for a handler: empty where none is to come.
pub(crate) fn body<B>(incoming: B, limits: &Limits, leisure: Leisure) -> Body
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Display,
{
    if incoming.is_end_stream() {
        return Body::Empty;
    }
    Body::stream(Received {
        incoming,
        alarm: None,
        waiting: None,
        patience: limits.body_timeout,
        rate: limits.body_min_rate,
        owed: Duration::ZERO,
        room: limits.body,
        limit: limits.body,
        failed: None,
        leisure,
    })
}

impl<B> HttpBody for Received<B>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Display,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(error) = &self.failed {
            return Poll::Ready(Some(Err(error.clone())));
        }
        let polled = self.as_mut().poll_bounded(context);
        if let Poll::Ready(Some(Err(error))) = &polled {
            *self.project().failed = Some(error.clone());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.failed.is_none() && self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl<B> Received<B>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Display,
{
    fn poll_bounded(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        // A length declared beyond the limit is refused before a byte is read, and before `100 Continue` is sent.
        if self.incoming.size_hint().lower() > self.room && !self.leisure.taken() {
            return Poll::Ready(Some(Err(BodyError::TooLarge { limit: self.limit })));
        }
        loop {
            let this = self.as_mut().project();
            let data = match this.incoming.poll_frame(context) {
                Poll::Pending => return self.poll_waiting(context),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Some(Err(BodyError::Broken(error.to_string()))));
                }
                Poll::Ready(Some(Ok(frame))) => frame.into_data(),
            };
            if let Some(since) = this.waiting.take() {
                let waited = since.elapsed();
                *this.patience = this.patience.saturating_sub(waited);
                *this.owed = this.owed.saturating_add(waited);
            }
            // Trailers of a request mean nothing to us; passed on they could pose as headers.
            let Ok(data) = data else { continue };
            *this.owed = this.owed.saturating_sub(worth(data.len(), *this.rate));
            let room = if this.leisure.taken() { Some(*this.room) } else { this.room.checked_sub(data.len() as u64) };
            let Some(room) = room else {
                return Poll::Ready(Some(Err(BodyError::TooLarge { limit: *this.limit })));
            };
            *this.room = room;
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    /// No byte is there: counts the time, and ends the wait when there is no sense in it.
    fn poll_waiting(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut this = self.project();
        if this.waiting.is_none() {
            let now = Instant::now();
            *this.waiting = Some(now);
            // A large part that came fast buys no silence after it.
            let late = if *this.rate == 0 { Duration::MAX } else { LATE.saturating_sub(*this.owed) };
            let until = later(now, late.min(*this.patience));
            match this.alarm.as_mut().as_pin_mut() {
                Some(alarm) => alarm.reset(until),
                None => this.alarm.set(Some(tokio::time::sleep_until(until))),
            }
        }
        if let Some(alarm) = this.alarm.as_mut().as_pin_mut()
            && !this.leisure.taken()
            && alarm.poll(context).is_ready()
        {
            return Poll::Ready(Some(Err(BodyError::TimedOut)));
        }
        Poll::Pending
    }
}

/// The time that `bytes` make up for.
fn worth(bytes: usize, rate: u64) -> Duration {
    let nanos = (bytes as u128).saturating_mul(1_000_000_000).checked_div(u128::from(rate)).unwrap_or(0);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
