//! What is known of a connection when it is opened.

use std::net::SocketAddr;
use std::sync::Arc;

use http::request::Parts;
use sluicegate_core::{Body, Inbound, Secure};

use crate::limits::Limits;
use crate::proxies::Proxies;
use crate::tls::{Slots, Tls};

/// A connection's listener, its client, and who answers.
#[derive(Clone)]
pub(crate) struct Opened<H> {
    pub(crate) handler: H,
    pub(crate) listener: Arc<str>,
    /// Who holds the other end, or whom a balancer announced.
    pub(crate) peer: SocketAddr,
    pub(crate) proxies: Arc<Proxies>,
    pub(crate) limits: Limits,
    /// Where it is over TLS: what its handshake needs.
    pub(crate) tls: Option<(Tls, Slots)>,
}

impl<H> Opened<H> {
    /// A request of this connection, as a handler takes it.
    pub(crate) fn inbound(&self, mut head: Parts, body: Body) -> Inbound {
        let client = self.proxies.client(self.peer, &head.headers);
        if client.secure || self.tls.is_some() {
            head.extensions.insert(Secure);
        }
        Inbound { listener: Arc::clone(&self.listener), peer: client.address, head, body }
    }
}
