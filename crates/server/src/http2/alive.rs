//! Pings a silent client, to find one that vanished without a word.

use std::task::{Context, Poll};
use std::time::Duration;

use h2::{Ping, PingPong};
use tokio::time::Instant;

/// A client that has said nothing for so long is pinged ...
const EVERY: Duration = Duration::from_secs(30);

/// ... and has so long to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Watches one connection.
pub(super) struct Alive {
    pings: PingPong,
    due: Instant,
    asked: bool,
    /// Frames the client had sent when last looked.
    heard: u64,
}

impl Alive {
    pub(super) fn new(pings: PingPong) -> Self {
        Self { pings, due: Instant::now() + EVERY, asked: false, heard: 0 }
    }

    /// When to look again.
    pub(super) const fn due(&self) -> Instant {
        self.due
    }

    /// Takes the answer to a ping.
    pub(super) fn poll_answer(&mut self, context: &mut Context<'_>, heard: u64) {
        // An error ends the connection, and is said there.
        if self.asked && matches!(self.pings.poll_pong(context), Poll::Ready(Ok(_))) {
            self.heard = heard;
            self.wait(EVERY, false);
        }
    }

    /// Looks, once it is due; `false` when nobody is there any more. `heard`: frames that came so far.
    pub(super) fn look(&mut self, heard: u64) -> bool {
        if self.asked {
            return false;
        }
        let silent = heard == self.heard;
        self.heard = heard;
        if silent && self.pings.send_ping(Ping::opaque()).is_ok() {
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
