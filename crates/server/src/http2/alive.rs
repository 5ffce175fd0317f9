//! Pings a silent client, to find one that vanished without a word.

use std::time::Duration;

use sluicegate_http2::Connection;
use tokio::time::Instant;

/// A client that has said nothing for so long is pinged ...
const EVERY: Duration = Duration::from_secs(30);

/// ... and has so long to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Watches one connection.
pub(super) struct Alive {
    due: Instant,
    asked: bool,
    /// Frames the client had sent when last looked.
    heard: u64,
}

impl Alive {
    pub(super) fn new(now: Instant) -> Self {
        Self { due: now + EVERY, asked: false, heard: 0 }
    }

    /// When to look again.
    pub(super) const fn due(&self) -> Instant {
        self.due
    }

    /// Takes note of the answer to a ping.
    pub(super) fn hear(&mut self, connection: &Connection) {
        if self.asked && !connection.awaits_pong() {
            self.heard = connection.heard();
            self.wait(EVERY, false);
        }
    }

    /// Looks, once it is due; `false` when nobody is there any more.
    pub(super) fn look(&mut self, connection: &mut Connection) -> bool {
        if self.asked {
            return false;
        }
        let silent = connection.heard() == self.heard;
        self.heard = connection.heard();
        if silent {
            connection.ping();
            self.wait(PATIENCE, true);
        } else {
            self.wait(EVERY, false);
        }
        true
    }

    fn wait(&mut self, time: Duration, asked: bool) {
        self.due = Instant::now() + time;
        self.asked = asked;
    }
}
