//! What the server hands to the request path, and what it gets back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Body, RequestHead, Response};

/// Lets whoever answers a request take over the limits on its body: a client may keep a stream of requests open for long
/// and send much in all, so that only each of them can be bounded. With the head, where the listener allows it.
#[derive(Clone, Debug, Default)]
pub struct Leisure(Arc<AtomicBool>);

impl Leisure {
    /// From now on the body is bounded neither in time nor in size.
    pub fn take(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was taken.
    #[must_use]
    pub fn taken(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A request as it left the socket: a complete head, a body still on its way.
#[derive(Debug)]
pub struct Inbound {
    /// The listener it came through, by its configured name.
    pub listener: Arc<str>,
    /// The client's address: that of the peer that holds the connection, or what a proxy says of it that is trusted to. A
    /// port that is not known is zero.
    pub peer: SocketAddr,
    /// Method, target, version and headers. In a box: it is large, and goes from hand to hand.
    pub head: Box<RequestHead>,
    /// The body, already bounded in size and time by the listener's limits.
    pub body: Body,
}

/// The answer on its way to the socket.
pub type Outbound = Response<Body>;
