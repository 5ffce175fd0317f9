//! What the server hands to the request path, and what it gets back.

use std::net::SocketAddr;
use std::sync::Arc;

use http::request::Parts;

use crate::Body;

/// A request as it left the socket: a complete head, a body still on its way.
#[derive(Debug)]
pub struct Inbound {
    /// The listener it came through, by its configured name.
    pub listener: Arc<str>,
    /// The address of the peer that holds the connection.
    pub peer: SocketAddr,
    /// Method, target, version and headers.
    pub head: Parts,
    /// The body, already bounded in size and time by the listener's limits.
    pub body: Body,
}

/// The answer on its way to the socket.
pub type Outbound = http::Response<Body>;
