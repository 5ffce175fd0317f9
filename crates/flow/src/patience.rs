//! How long a stream of answers may take: between two signs of life, and in all. A stream that takes longer is ended with an
//! error that its reader sees; it never looks like one that came to its end.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use sluicegate_config::StreamTimes;
use sluicegate_core::{Kind, Refusal};
use tokio::time::{Instant, Sleep, sleep_until};

/// What is left of a stream's time.
pub(crate) struct Patience {
    times: StreamTimes,
    /// When all of it is over.
    end: Instant,
    /// When the silence under way is too long; `None` while nothing is waited for.
    silent_until: Option<Instant>,
    alarm: Pin<Box<Sleep>>,
}

/// Why a stream is ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    /// Nothing came for too long.
    Idle,
    /// It went on for too long.
    Total,
}

impl Patience {
    /// Of a stream that begins now.
    pub(crate) fn begin(times: StreamTimes) -> Self {
        let now = Instant::now();
        let end = now + times.total;
        Self { times, end, silent_until: None, alarm: Box::pin(sleep_until(end)) }
    }

    /// Whether no time is left, however busy the stream is. Asked before it is read on.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// Something came.
    pub(crate) const fn progressed(&mut self) {
        self.silent_until = None;
    }

    /// Nothing is there to be read: ready where that is so for too long. Time in which nobody wants to read does not
    /// count.
    pub(crate) fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<Late> {
        let silent_until = *self.silent_until.get_or_insert_with(|| Instant::now() + self.times.idle);
        let due = silent_until.min(self.end);
        if self.alarm.deadline() != due {
            self.alarm.as_mut().reset(due);
        }
        let late = if silent_until < self.end { Late::Idle } else { Late::Total };
        self.alarm.as_mut().poll(context).map(|()| late)
    }

    /// What `next` comes to, if it does in time.
    pub(crate) async fn wait<F: Future>(&mut self, next: F) -> Result<F::Output, Late> {
        if self.is_over() {
            return Err(Late::Total);
        }
        let mut next = pin!(next);
        poll_fn(|context| match next.as_mut().poll(context) {
            Poll::Ready(output) => {
                self.progressed();
                Poll::Ready(Ok(output))
            }
            Poll::Pending => self.poll_late(context).map(Err),
        })
        .await
    }
}

impl From<Late> for Refusal {
    fn from(late: Late) -> Self {
        let public = match late {
            Late::Idle => "the model did not go on in time",
            Late::Total => "the model did not come to an end in time",
        };
        Self::new(Kind::DeadlineExceeded, public)
    }
}
