//! Looks after one connection's time: a head that takes too long, no request for too long, a client that does not read.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::limits::Limits;
use crate::pulse::{Pulse, later};

/// Why a connection should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// Its head is still not complete.
    Head,
    /// It has been without a request.
    Idle,
    /// Its client does not read.
    Stalled,
}

/// One timer a connection. It is not set anew for each request: it wakes, looks, and sleeps on.
pub(crate) struct Watch {
    pulse: Arc<Pulse>,
    limits: Limits,
    alarm: Pin<Box<Sleep>>,
}

impl Watch {
    pub(crate) fn new(pulse: Arc<Pulse>, limits: Limits) -> Self {
        let alarm = Box::pin(tokio::time::sleep(limits.idle_timeout));
        Self { pulse, limits, alarm }
    }

    /// From now on a connection without a request is idle after `patience` at most.
    pub(crate) fn hurry(&mut self, patience: Duration) {
        self.limits.idle_timeout = self.limits.idle_timeout.min(patience);
        self.pulse.progressed();
    }

    /// Polled whenever the connection was: what moved there may have brought a time nearer.
    pub(crate) fn poll_overdue(&mut self, context: &mut Context<'_>) -> Poll<Overdue> {
        loop {
            if let Some((due, _)) = self.due()
                && due < self.alarm.deadline()
            {
                self.alarm.as_mut().reset(due);
            }
            if self.alarm.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            let next = match self.due() {
                Some((due, why)) if due <= now => return Poll::Ready(why),
                Some((due, _)) => due,
                None => later(now, self.limits.idle_timeout),
            };
            self.alarm.as_mut().reset(next);
        }
    }

    /// When to act, and why; `None` while all is as it should be.
    fn due(&self) -> Option<(Instant, Overdue)> {
        let idle = || later(self.pulse.moved_at(), self.limits.idle_timeout);
        if self.pulse.open() > 0 {
            return self.pulse.awaits_client().then(|| (idle(), Overdue::Stalled));
        }
        match self.pulse.head_since() {
            Some(since) if self.pulse.http1 => Some((later(since, self.limits.head_timeout), Overdue::Head)),
            _ => Some((idle(), Overdue::Idle)),
        }
    }
}
