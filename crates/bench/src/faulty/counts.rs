//! What a server counts, and when it can say that nobody comes any more.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

/// So long without a request, and a server that was asked all the time is asked no longer.
const QUIET: Duration = Duration::from_millis(500);

/// Since it was started.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Counts {
    /// Requests for inference whose head came.
    pub(super) begun: u64,
    /// Requests for inference that got an answer of whatever kind.
    pub(super) answered: u64,
    pub(super) connections: u64,
    /// Requests for inference whose client left before.
    pub(super) cancelled: u64,
    /// Requests under way.
    pub(super) now: u64,
    /// The most there ever were.
    pub(super) most: u64,
    #[serde(flatten)]
    pub(super) onset: Onset,
}

/// Requests since the behaviour changed.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Onset {
    since_change: u64,
    /// How many of those came before nobody came for a while.
    until_quiet: Option<u64>,
    #[serde(skip)]
    last: Option<Instant>,
}

impl Onset {
    /// The behaviour changes now.
    pub(super) const fn new(now: Instant) -> Self {
        Self { since_change: 0, until_quiet: None, last: Some(now) }
    }

    /// A request has come.
    pub(super) fn begun(&mut self, now: Instant) {
        self.look(now);
        self.since_change += 1;
        self.last = Some(now);
    }

    /// Whether it has been quiet for long enough.
    pub(super) fn look(&mut self, now: Instant) {
        let quiet = self.last.is_some_and(|last| now.saturating_duration_since(last) >= QUIET);
        if quiet && self.until_quiet.is_none() {
            self.until_quiet = Some(self.since_change);
        }
    }
}

impl Counts {
    pub(super) fn begin(&mut self, now: Instant) {
        self.begun += 1;
        self.onset.begun(now);
        self.now += 1;
        self.most = self.most.max(self.now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Onset;

    #[test]
    fn requests_are_counted_until_the_first_pause() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut onset = Onset::new(start);
        for time in [10, 300, 799] {
            onset.begun(at(time));
        }
        onset.look(at(1298));
        assert_eq!((onset.since_change, onset.until_quiet), (3, None));
        // A probe behind the pause is counted, but not among them.
        onset.begun(at(1299));
        onset.look(at(9000));
        assert_eq!((onset.since_change, onset.until_quiet), (4, Some(3)));
    }

    #[test]
    fn a_server_that_nobody_asks_is_quiet_from_the_start() {
        let start = Instant::now();
        let mut onset = Onset::new(start);
        onset.look(start + Duration::from_millis(500));
        assert_eq!(onset.until_quiet, Some(0));
    }
}
