//! Where endpoints come from that the configuration does not list itself, and the port through which they are found.

use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::{BoxFuture, Endpoint, TlsIdentity};

/// The most endpoints that one backend may have.
pub const MAX_ENDPOINTS: usize = 1_000;

/// A source of endpoints. Equal sources find the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EndpointSource {
    /// By what they are found.
    pub lookup: Lookup,
    /// What stands before the protocol's own path at each of them.
    pub prefix: Arc<str>,
    /// Who is there, where they are reached over TLS.
    pub tls: Option<Arc<TlsIdentity>>,
    /// Whether the protocol runs over gRPC, so that an address may say so.
    pub grpc: bool,
    /// The weight of each, where the source itself does not say.
    pub weight: u32,
    /// How long what was found holds, at most.
    pub refresh: Duration,
}

/// By what endpoints are found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lookup {
    /// The addresses of a name.
    Dns {
        /// The name.
        host: Arc<str>,
        /// The port at each address.
        port: u16,
        /// Who is asked; `None`: the system's resolver.
        server: Option<SocketAddr>,
    },
    /// The servers of a service, by its SRV records.
    Srv {
        /// The service, such as `_grpc._tcp.triton.models.svc`.
        name: Arc<str>,
        /// Who is asked; `None`: the servers that the system asks.
        server: Option<SocketAddr>,
    },
    /// A list in a file.
    File {
        /// Its path, which can be opened.
        path: Arc<str>,
    },
}

/// What was found at a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The endpoints with their weights, in an order that does not depend on the day; never more than
    /// [`MAX_ENDPOINTS`].
    pub endpoints: Vec<(Endpoint, u32)>,
    /// How many more there were.
    pub left_out: usize,
    /// How long it holds, where the source says so.
    pub good_for: Option<Duration>,
}

/// Finds endpoints.
pub trait Discover: Send + Sync + 'static {
    /// What is at `source` now. The caller limits the time.
    ///
    /// # Errors
    /// Nothing could be found out; the reason is for operators. That there is nothing is no error.
    fn find<'a>(&'a self, source: &'a EndpointSource) -> BoxFuture<'a, Result<Found, String>>;
}

impl Lookup {
    /// Whether it is looked at when it has changed, rather than at times.
    #[must_use]
    pub const fn is_watched(&self) -> bool {
        matches!(self, Self::File { .. })
    }
}

impl EndpointSource {
    /// The name that requests and certificates are for at what is found; `None` where each endpoint has its own.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match &self.lookup {
            Lookup::Dns { host, .. } => Some(host),
            Lookup::Srv { name, .. } => {
                let mut name: &str = name;
                while let Some((label, rest)) = name.split_once('.')
                    && label.starts_with('_')
                {
                    name = rest;
                }
                Some(name)
            }
            Lookup::File { .. } => None,
        }
    }
}

impl Found {
    /// The same with no more endpoints than a backend may have.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.left_out += self.endpoints.len().saturating_sub(MAX_ENDPOINTS);
        self.endpoints.truncate(MAX_ENDPOINTS);
        self
    }
}

/// Each address once, and no more of them than one backend may have; and how many are left out for being too many.
#[must_use]
pub fn distinct(mut endpoints: Vec<(Endpoint, u32)>) -> (Vec<(Endpoint, u32)>, usize) {
    let mut seen = HashSet::new();
    endpoints.retain(|(endpoint, _)| seen.insert((Arc::clone(&endpoint.authority), Arc::clone(&endpoint.prefix))));
    let left_out = endpoints.len().saturating_sub(MAX_ENDPOINTS);
    endpoints.truncate(MAX_ENDPOINTS);
    (endpoints, left_out)
}

impl fmt::Display for Lookup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns { host, port, .. } => write!(formatter, "dns {host}:{port}"),
            Self::Srv { name, .. } => write!(formatter, "srv {name}"),
            Self::File { path } => write!(formatter, "file {path}"),
        }
    }
}
