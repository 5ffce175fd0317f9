//! How long a client may be waited for that takes what it asked for too slowly, or not at all.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::alarm::Alarm;
use crate::alarm::later;

/// Bytes that buy new time. A byte now and then buys none.
const WORTH: usize = 16 * 1024;

/// Time to wait, in all, for each [`WORTH`] bytes taken. Only waiting counts: a client that takes what there is has all
/// the time its answer needs.
pub(crate) struct Patience {
    limit: Duration,
    /// Spent in waits that are over.
    spent: Duration,
    /// Since when it is waited.
    since: Option<Instant>,
    /// Bytes taken since time was last bought.
    taken: usize,
    alarm: Option<Alarm>,
}

impl Patience {
    pub(crate) const fn new(limit: Duration) -> Self {
        Self { limit, spent: Duration::ZERO, since: None, taken: 0, alarm: None }
    }

    /// The client takes nothing now. Ready once it had its time.
    pub(crate) fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let due = later(since, self.limit.saturating_sub(self.spent));
        self.alarm.get_or_insert_with(|| Alarm::new(due)).poll(context, due)
    }

    /// The client took `bytes`.
    pub(crate) fn took(&mut self, bytes: usize) {
        if let Some(since) = self.since.take() {
            self.spent = self.spent.saturating_add(since.elapsed());
        }
        self.taken = self.taken.saturating_add(bytes);
        if self.taken >= WORTH {
            self.taken = 0;
            self.spent = Duration::ZERO;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    /// Waits until time is up, taking `bytes` each second; says after how long.
    async fn over(bytes: usize, at_most: Duration) -> Option<Duration> {
        let start = Instant::now();
        let mut patience = Patience::new(LIMIT);
        while start.elapsed() < at_most {
            let wait = poll_fn(|context| patience.poll_over(context));
            if tokio::time::timeout(Duration::from_secs(1), wait).await.is_ok() {
                return Some(start.elapsed());
            }
            patience.took(bytes);
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn dripping_buys_no_time() {
        assert_eq!(over(0, LIMIT * 2).await.map(|time| time.as_secs()), Some(LIMIT.as_secs()));
        assert_eq!(over(1, LIMIT * 2).await.map(|time| time.as_secs()), Some(LIMIT.as_secs()));
        assert_eq!(over(WORTH / 20, LIMIT * 10).await, None, "slow, but it reads");
    }

    #[tokio::test(start_paused = true)]
    async fn time_without_waiting_does_not_count() {
        let mut patience = Patience::new(LIMIT);
        for _ in 0..10 {
            tokio::time::sleep(LIMIT).await;
            let wait = poll_fn(|context| patience.poll_over(context));
            assert!(tokio::time::timeout(Duration::from_secs(1), wait).await.is_err());
            patience.took(1);
        }
    }
}
