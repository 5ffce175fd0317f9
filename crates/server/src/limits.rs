//! What a listener takes before it says no. Plain data; knows nothing of how it is configured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::tls::Tls;

/// Bounds of one listener. A request or connection beyond one is refused or closed, never served a little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's head: request line and headers; for HTTP/2 the decoded header list as RFC 9113 counts it,
    /// 32 bytes a field on top. Beyond it: 431.
    pub head: usize,
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
    /// Requests at once on one HTTP/2 connection.
    pub streams: u32,
}

/// A listener as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerPlan {
    /// Its configured name; each request carries it.
    pub name: Arc<str>,
    /// Where it listens. Port 0 lets the system choose.
    pub address: SocketAddr,
    /// Its bounds.
    pub limits: Limits,
    /// What it shows clients, where it speaks TLS.
    pub tls: Option<Tls>,
}

impl Default for Limits {
    /// Tight enough for callers nobody knows.
    fn default() -> Self {
        Self {
            head: 16 * 1024,
            headers: 64,
            body: 64 * 1024 * 1024,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(60),
            handshake_timeout: Duration::from_secs(10),
            handshakes: 1_000,
            connections: 10_000,
            streams: 64,
        }
    }
}
