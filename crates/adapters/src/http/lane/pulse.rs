//! Finds out whether the peer of a quiet connection is still there. Sparing: servers built on gRPC's core close a
//! connection that pings them more than about once in five minutes without data in between.

use std::time::Duration;

use sluicegate_http2::Connection;

/// How often a connection is looked at. A ping not answered between two looks ends it.
pub(super) const TICK: Duration = Duration::from_secs(20);

/// Looks between two pings: a little over five minutes.
const BETWEEN_PINGS: u32 = 16;

/// Looks without a stream after which a connection is closed: at least a minute.
const IDLE: u32 = 4;

/// What is known of a connection's liveness.
pub(super) struct Pulse {
    since_ping: u32,
    idle: u32,
    read: u64,
}

impl Pulse {
    /// Of a connection just made.
    pub(super) const fn new() -> Self {
        Self { since_ping: BETWEEN_PINGS, idle: 0, read: 0 }
    }

    /// Whether it has been without a stream for long, as seen at this look.
    pub(super) fn is_idle(&mut self, in_use: usize) -> bool {
        self.idle = if in_use == 0 { self.idle.saturating_add(1) } else { 0 };
        self.idle >= IDLE
    }

    /// One look. `false`: the peer is gone.
    pub(super) fn beat(&mut self, connection: &mut Connection, in_use: usize) -> bool {
        self.since_ping = self.since_ping.saturating_add(1);
        let read = connection.received();
        let silent = read == self.read;
        self.read = read;
        let waiting = connection.awaits_pong();
        if waiting && silent {
            return false;
        }
        if silent && in_use > 0 && !waiting && self.since_ping >= BETWEEN_PINGS {
            connection.ping();
            self.since_ping = 0;
        }
        true
    }
}
