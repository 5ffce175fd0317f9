//! One timer a connection. It is not set anew for each request: it wakes, looks, and sleeps on.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// `by` after `at`; far ahead where that cannot be written down.
pub(crate) fn later(at: Instant, by: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(365 * 24 * 3600);
    at + by.min(FAR)
}

/// A timer for whatever is waited for now.
pub(crate) struct Alarm {
    sleep: Pin<Box<Sleep>>,
    /// Who is woken when it ends, as it is set now.
    watcher: Option<Waker>,
}

impl Alarm {
    /// Set to `due` at first.
    pub(crate) fn new(due: Instant) -> Self {
        Self { sleep: Box::pin(tokio::time::sleep_until(due)), watcher: None }
    }

    /// Ready once `due` has come. It may be another time at each call.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>, due: Instant) -> Poll<()> {
        loop {
            if due < self.sleep.deadline() {
                self.set(due);
            }
            // Whoever will be woken need not say so at each call: that costs ten times as much as to look.
            let watched = self.watcher.as_ref().is_some_and(|watcher| watcher.will_wake(context.waker()));
            if watched && !self.sleep.is_elapsed() {
                return Poll::Pending;
            }
            if self.sleep.as_mut().poll(context).is_pending() {
                self.watcher = Some(context.waker().clone());
                return Poll::Pending;
            }
            if due <= Instant::now() {
                return Poll::Ready(());
            }
            self.set(due);
        }
    }

    fn set(&mut self, due: Instant) {
        self.sleep.as_mut().reset(due);
        self.watcher = None;
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_rings_at_the_time_said_last_for_whoever_waits_last() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut alarm = Alarm::new(at(60));
        // Another task waited before, and this one for longer.
        assert!(alarm.poll(&mut Context::from_waker(Waker::noop()), at(50)).is_pending());
        let pending = poll_fn(|context| Poll::Ready(alarm.poll(context, at(50)).is_pending()));
        assert!(pending.await);
        for due in [20, 20, 90] {
            poll_fn(|context| alarm.poll(context, at(due))).await;
            assert_eq!(Instant::now(), at(due));
        }
    }
}
