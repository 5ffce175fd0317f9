//! What is known of a connection when it is opened.

use std::net::SocketAddr;
use std::sync::Arc;

use sluicegate_core::{Body, Inbound, Kind, RequestHead};

use crate::handler::Handler;
use crate::limits::Limits;
use crate::proxies::Proxies;
use crate::seats::{Seat, Seats};
use crate::tls::{Slots, Tls};

/// A connection's listener, its client, and who answers.
pub(crate) struct Opened<H> {
    pub(crate) handler: H,
    pub(crate) listener: Arc<str>,
    /// Who holds the other end, or whom a balancer announced.
    pub(crate) peer: SocketAddr,
    pub(crate) proxies: Arc<Proxies>,
    pub(crate) limits: Limits,
    /// The connection's place among those of its address, where these are counted.
    pub(crate) seat: Option<Seat>,
    /// Where one is to be had.
    pub(crate) seats: Seats,
    /// Where it is over TLS: what its handshake needs.
    pub(crate) tls: Option<(Tls, Slots)>,
}

impl<H: Handler> Opened<H> {
    /// Takes a place for a connection of `peer`; `false` if that has too many already. Proxies have as many as they
    /// like: it is not they whose the connections are.
    pub(crate) fn take_seat(&mut self) -> bool {
        let counted = self.limits.per_address < self.limits.connections && !self.proxies.is_one(self.peer);
        if counted {
            self.seat = self.seats.take(self.peer.ip(), self.limits.per_address);
            if self.seat.is_none() {
                self.handler.refused(&self.listener, Kind::TooManyConnections);
            }
        }
        !counted || self.seat.is_some()
    }

    /// A request of this connection, as a handler takes it.
    pub(crate) fn inbound(&self, head: impl Into<Box<RequestHead>>, body: Body) -> Inbound {
        let mut head = head.into();
        let client = self.proxies.client(self.peer, &head.headers);
        head.secure = client.secure || self.tls.is_some();
        Inbound { listener: Arc::clone(&self.listener), peer: client.address, head, body }
    }
}
