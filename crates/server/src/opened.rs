//! What is known of a connection when it is opened.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::limits::Limits;
use crate::tls::{Slots, Tls};

/// A connection's listener, its client, and who answers.
#[derive(Clone)]
pub(crate) struct Opened<H> {
    pub(crate) handler: H,
    pub(crate) listener: Arc<str>,
    pub(crate) peer: SocketAddr,
    pub(crate) limits: Limits,
    /// Where it is over TLS: what its handshake needs.
    pub(crate) tls: Option<(Tls, Slots)>,
}
