//! One timer a connection, for the requests over it. It is not set anew for each: it wakes, looks, and sleeps on.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep};

/// A timer for whatever is waited for now.
pub(super) struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    /// Set to `due` at first.
    pub(super) fn new(due: Instant) -> Self {
        Self(Box::pin(tokio::time::sleep_until(due)))
    }

    /// Ready once `due` has come. It may be another time at each call.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, due: Instant) -> Poll<()> {
        loop {
            if due < self.0.deadline() {
                self.0.as_mut().reset(due);
            }
            ready!(self.0.as_mut().poll(context));
            if due <= Instant::now() {
                return Poll::Ready(());
            }
            self.0.as_mut().reset(due);
        }
    }
}
