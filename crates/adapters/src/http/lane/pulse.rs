//! Finds out whether the peer of a quiet connection is still there. Sparing: servers built on gRPC's core close a
//! connection that pings them more than about once in five minutes without data in between.

use std::task::{Context, Poll};
use std::time::Duration;

use h2::{Ping, PingPong};

use super::super::gauge::Gauge;

/// How often a connection is looked at. A ping not answered between two looks ends it.
pub(super) const TICK: Duration = Duration::from_secs(20);

/// Looks between two pings: a little over five minutes.
const BETWEEN_PINGS: u32 = 16;

/// Looks without a stream after which a connection is closed: at least a minute.
const IDLE: u32 = 4;

/// What is known of a connection's liveness.
pub(super) struct Pulse {
    pings: Option<PingPong>,
    waiting: bool,
    since_ping: u32,
    idle: u32,
    read: u64,
}

impl Pulse {
    /// Of a connection just made.
    pub(super) fn new(pings: Option<PingPong>) -> Self {
        Self { pings, waiting: false, since_ping: BETWEEN_PINGS, idle: 0, read: 0 }
    }

    /// Takes note of a ping's answer; never ready where none is awaited.
    pub(super) fn poll_pong(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !self.waiting {
            return Poll::Pending;
        }
        let Some(pings) = &mut self.pings else { return Poll::Pending };
        // A failed one is the connection's failure, which is told elsewhere.
        pings.poll_pong(context).map(|_pong| self.waiting = false)
    }

    /// Whether it has been without a stream for long, as seen at this look.
    pub(super) fn is_idle(&mut self, in_use: usize) -> bool {
        self.idle = if in_use == 0 { self.idle.saturating_add(1) } else { 0 };
        self.idle >= IDLE
    }

    /// One look. `false`: the peer is gone.
    pub(super) fn beat(&mut self, gauge: &Gauge, in_use: usize) -> bool {
        self.since_ping = self.since_ping.saturating_add(1);
        let read = gauge.read();
        let silent = read == self.read;
        self.read = read;
        if self.waiting && silent {
            return false;
        }
        if silent && in_use > 0 && !self.waiting && self.since_ping >= BETWEEN_PINGS {
            if let Some(pings) = &mut self.pings {
                self.waiting = pings.send_ping(Ping::opaque()).is_ok();
            }
            self.since_ping = 0;
        }
        true
    }
}
