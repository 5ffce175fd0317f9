//! An answer on its way holds what its call holds, to its last byte: its place at an endpoint and its turn at the backend. How
//! it ends is told to the endpoint, too.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant as StdInstant};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body as HttpBody, Frame, SizeHint};
use sluicegate_core::{Body, BodyError, CallError, Clock, InferResponse, Reply, ReplyStream, Sent};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::balance::{Member, Picked, Pool};
use crate::slots::Slot;
use crate::verdict::Verdict;

/// What a call holds.
pub(crate) struct Hold {
    pub(crate) picked: Picked<'static>,
    pub(crate) pool: Arc<Pool>,
    /// Where the backend bounds answers under way, too.
    pub(crate) _slot: Option<Slot<'static>>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Longest time between two pieces of the answer.
    pub(crate) idle: Option<Duration>,
    /// When it was begun.
    pub(crate) began: StdInstant,
    /// Whether all is well so far.
    pub(crate) well: bool,
}

/// Where an answer came from, for those who read in it that it failed.
pub(crate) struct Source {
    pub(crate) pool: Arc<Pool>,
    pub(crate) member: Arc<Member>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// An answer, and what its call holds.
struct Held<T> {
    inner: T,
    hold: Option<Hold>,
    alarm: Option<Pin<Box<Sleep>>>,
}

/// What can hold.
pub(crate) trait Holding: Sized {
    /// Whether all of it is here, so that nothing need be held.
    fn is_here(&self) -> bool;

    /// The same, with what its call holds.
    fn hold(self, hold: Hold) -> Self;
}

impl Holding for Reply {
    fn is_here(&self) -> bool {
        !matches!(self, Self::Wire(response) if matches!(response.body, Body::Stream(_)))
    }

    fn hold(self, hold: Hold) -> Self {
        match self {
            Self::Wire(response) => Self::Wire(response.map(|body| Body::stream(Held::new(body, hold)))),
            here => here,
        }
    }
}

impl Holding for ReplyStream {
    fn is_here(&self) -> bool {
        false
    }

    fn hold(self, hold: Hold) -> Self {
        Box::pin(Held::new(self, hold))
    }
}

impl Hold {
    fn ended_well(&self) {
        if self.well {
            self.pool.ended_well(self.picked.member(), self.began);
        }
    }

    fn failed(&self, verdict: Verdict, why: impl FnOnce() -> String) {
        self.pool.judge(self.picked.member(), verdict, Duration::ZERO, self.clock.now(), why);
    }
}

impl Source {
    /// The answer turned out to be a failure.
    pub(crate) fn failed(&self, verdict: Verdict, why: &str) {
        self.pool.judge(&self.member, verdict, Duration::ZERO, self.clock.now(), || why.to_owned());
    }
}

impl<T> Held<T> {
    const fn new(inner: T, hold: Hold) -> Self {
        Self { inner, hold: Some(hold), alarm: None }
    }

    /// Ready once nothing has come for too long.
    fn poll_idle(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(idle) = self.hold.as_ref().and_then(|hold| hold.idle) else { return Poll::Pending };
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + idle)));
        ready!(alarm.as_mut().poll(context));
        if let Some(hold) = self.hold.take() {
            hold.failed(Verdict::Timeout(Sent::All), || "its answer did not go on in time".to_owned());
        }
        Poll::Ready(())
    }
}

impl HttpBody for Held<Body> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(context) else {
            return this.poll_idle(context).map(|()| Some(Err(BodyError::TimedOut)));
        };
        this.alarm = None;
        match &frame {
            Some(Err(error)) => {
                if let Some(hold) = this.hold.take() {
                    hold.failed(Verdict::Transport(Sent::All), || error.to_string());
                }
            }
            Some(Ok(frame)) if frame.is_data() && !this.inner.is_end_stream() => {}
            Some(Ok(_)) | None => {
                if let Some(hold) = this.hold.take() {
                    hold.ended_well();
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Stream for Held<ReplyStream> {
    type Item = Result<InferResponse, CallError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let Poll::Ready(item) = this.inner.as_mut().poll_next(context) else {
            let late =
                || CallError::new(sluicegate_core::CallClass::Timeout, Sent::All, "the answer did not go on in time");
            return this.poll_idle(context).map(|()| Some(Err(late())));
        };
        this.alarm = None;
        match &item {
            Some(Err(error)) => {
                let verdict = Verdict::of::<Reply>(&Err(error.clone()));
                if let Some(hold) = &mut this.hold {
                    hold.well &= !verdict.is_failure();
                    hold.failed(verdict, || error.cause.clone());
                }
            }
            Some(Ok(_)) => {}
            None => {
                if let Some(hold) = this.hold.take() {
                    hold.ended_well();
                }
            }
        }
        Poll::Ready(item)
    }
}
