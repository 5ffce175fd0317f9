//! What a listener is made from. Plain data; knows nothing of how it is configured.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::limits::Limits;
use crate::proxies::Proxies;
use crate::tls::Tls;

/// A listener as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerPlan {
    /// Its configured name; each request carries it.
    pub name: Arc<str>,
    /// Where it listens. Port 0 lets the system choose.
    pub address: SocketAddr,
    /// Who stands before it.
    pub proxies: Arc<Proxies>,
    /// Its bounds.
    pub limits: Limits,
    /// What it shows clients, where it speaks TLS.
    pub tls: Option<Tls>,
}
