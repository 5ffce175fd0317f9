//! What a listener takes before it says no. Plain data; knows nothing of how it is configured.

use std::time::Duration;

/// Bounds of one listener. A request or connection beyond one is refused or closed, never served a little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Who may reach the listener. Decides what an HTTP/2 connection may make the server hold.
    pub exposure: Exposure,
    /// Bytes of a request's head over HTTP/1: request line and headers. Beyond it: 431.
    pub head: usize,
    /// Bytes of a request's header list over HTTP/2, decoded, as RFC 9113 counts it: 32 bytes a field on top. Beyond it:
    /// 431.
    pub header_list: usize,
    /// Header fields of a request. Beyond it: 431.
    pub headers: usize,
    /// Bytes of a request's body. Beyond it the handler reads `BodyError::TooLarge`.
    pub body: u64,
    /// From the first byte of a request's head to its last (HTTP/1). Beyond it: 408 and close.
    pub head_timeout: Duration,
    /// Time spent in all waiting for bytes of one body. Beyond it the handler reads `BodyError::TimedOut`. Time in
    /// which the handler does not read counts for nobody.
    pub body_timeout: Duration,
    /// How long a connection may be without a request before it is closed. Also how long the client of an answer may
    /// take no byte of it: between once and twice this, since the watch wakes that seldom.
    pub idle_timeout: Duration,
    /// From a connection's beginning to the end of its TLS handshake. Beyond it: closed.
    pub handshake_timeout: Duration,
    /// TLS handshakes under way. Beyond it new ones wait, within their time.
    pub handshakes: usize,
    /// Open connections. Beyond it new ones wait in the kernel's queue.
    pub connections: usize,
    /// Open connections of one client address. Beyond it: closed, and counted.
    pub per_address: usize,
    /// Bytes a second that a request's body must bring while it is waited for; 0: none. Whoever is later with them than
    /// 10 s is treated as beyond `body_timeout`.
    pub body_min_rate: u64,
    /// Requests at once on one HTTP/2 connection.
    pub streams: u32,
}

/// Who may reach a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// Anybody.
    External,
    /// Callers that are trusted not to wear the server out on purpose: other services of the house, a proxy in front.
    Internal,
}

/// What one HTTP/2 connection may make the server hold and do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Http2 {
    /// Unread request bytes of one stream.
    pub(crate) stream_window: u32,
    /// Unread request bytes of the connection.
    pub(crate) connection_window: u32,
    /// How long the client may be waited for to take bytes of an answer, in all, for each 16 KiB it takes.
    pub(crate) stall: Duration,
    /// Frames that serve nothing, in ten seconds, beyond those that what is sent gives reason for.
    pub(crate) control_frames: u32,
}

impl Exposure {
    /// Requests at once on one HTTP/2 connection, where nothing else is said.
    #[must_use]
    pub const fn streams(self) -> u32 {
        match self {
            Self::External => 64,
            Self::Internal => 256,
        }
    }

    /// Connections of one client address, of so many in all, where nothing else is said.
    #[must_use]
    pub const fn per_address(self, connections: usize) -> usize {
        match self {
            Self::External => 1_000,
            Self::Internal => connections,
        }
    }

    /// Bytes of a header list over HTTP/2, where nothing else is said.
    #[must_use]
    pub const fn header_list(self) -> usize {
        match self {
            Self::External => 8 * 1024,
            Self::Internal => 16 * 1024,
        }
    }

    pub(crate) const fn http2(self) -> Http2 {
        match self {
            Self::External => Http2 {
                stream_window: 64 * 1024,
                connection_window: 1024 * 1024,
                stall: Duration::from_secs(30),
                control_frames: 100,
            },
            Self::Internal => Http2 {
                stream_window: 1024 * 1024,
                connection_window: 16 * 1024 * 1024,
                stall: Duration::from_secs(60),
                control_frames: 1000,
            },
        }
    }
}

impl Default for Limits {
    /// Tight enough for callers nobody knows.
    fn default() -> Self {
        Self {
            exposure: Exposure::External,
            head: 16 * 1024,
            header_list: Exposure::External.header_list(),
            headers: 64,
            body: 64 * 1024 * 1024,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(60),
            handshake_timeout: Duration::from_secs(10),
            handshakes: 1_000,
            connections: 10_000,
            per_address: Exposure::External.per_address(10_000),
            body_min_rate: 1024,
            streams: Exposure::External.streams(),
        }
    }
}
