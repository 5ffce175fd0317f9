//! One timer a connection. It is not set anew for each request: it wakes, looks, and sleeps on.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// `by` after `at`; far ahead where that cannot be written down.
pub(crate) fn later(at: Instant, by: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(365 * 24 * 3600);
    at + by.min(FAR)
}

/// A timer for whatever is waited for now.
pub(crate) struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    /// Set to `due` at first.
    pub(crate) fn new(due: Instant) -> Self {
        Self(Box::pin(tokio::time::sleep_until(due)))
    }

    /// Ready once `due` has come. It may be another time at each call.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>, due: Instant) -> Poll<()> {
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
