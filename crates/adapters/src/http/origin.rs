//! One endpoint, and the connections that each worker has to it. They are never shared between workers: a connection
//! lives on the thread that made it, and no request waits for another thread. Must not know what is asked over them.

use std::sync::Arc;
use std::time::Instant;

use http::uri::{Authority, Scheme};
use http::{HeaderValue, Uri};
use sluicegate_core::{Clock, Endpoint, PerWorker, Worker};

use super::lanes::Lanes;
use super::lines::Lines;
use super::{Connector, Speaks};

/// One endpoint.
pub struct Origin {
    authority: Arc<str>,
    host: HeaderValue,
    clock: Arc<dyn Clock>,
    connections: Connections,
    /// How connections are made, where that is over TLS.
    secured: Option<Arc<dyn Connector>>,
}

/// The connections to it, by what it speaks.
enum Connections {
    Http1(PerWorker<Arc<Lines>>),
    /// With what requests name.
    Http2(Authority, PerWorker<Arc<Lanes>>),
}

/// The connections of one worker.
pub(super) enum Own<'a> {
    Lines(&'a Arc<Lines>),
    Lanes(&'a Arc<Lanes>),
}

impl Origin {
    /// The origin at `endpoint`.
    ///
    /// # Errors
    /// Its `host:port` holds characters that no `host` header, or no target, can carry.
    pub(super) fn new(
        endpoint: &Endpoint,
        speaks: Speaks,
        secured: Option<Arc<dyn Connector>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, http::Error> {
        let (authority, host) = (Arc::clone(&endpoint.authority), HeaderValue::from_str(endpoint.host())?);
        let connections = match speaks {
            Speaks::Http1 => Connections::Http1(PerWorker::default()),
            Speaks::Http2 => Connections::Http2(endpoint.host().parse()?, PerWorker::default()),
        };
        Ok(Self { authority, host, clock, connections, secured })
    }

    /// The connections of the worker that asks.
    pub(super) fn own(&self) -> Own<'_> {
        let worker = Worker::current();
        match &self.connections {
            Connections::Http1(lines) => Own::Lines(lines.of(worker, || Lines::new(Arc::clone(&self.clock)))),
            Connections::Http2(_, lanes) => Own::Lanes(lanes.of(worker, || Lanes::new(Arc::clone(&self.authority)))),
        }
    }

    /// How connections to it are made: over TLS by its own connector, else by `plain`.
    pub(super) fn connector<'a>(&'a self, plain: &'a Arc<dyn Connector>) -> &'a Arc<dyn Connector> {
        self.secured.as_ref().unwrap_or(plain)
    }

    /// The target of a request to it over HTTP/2, where it is named in whole.
    ///
    /// # Errors
    /// `path` is none.
    pub fn target(&self, path: String) -> Result<Uri, http::Error> {
        let scheme = if self.secured.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        let target = Uri::builder().scheme(scheme).path_and_query(path);
        match &self.connections {
            Connections::Http1(_) => target.authority(&*self.authority).build(),
            Connections::Http2(authority, _) => target.authority(authority.clone()).build(),
        }
    }

    /// `host:port` that is connected to.
    #[must_use]
    pub fn authority(&self) -> &Arc<str> {
        &self.authority
    }

    /// The value of the `host` header.
    pub(super) const fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// Requests and answers under way now; over HTTP/1.1 each has a connection for itself.
    #[must_use]
    pub fn in_use(&self) -> usize {
        match &self.connections {
            Connections::Http1(lines) => lines.iter().map(|lines| lines.in_use()).sum(),
            Connections::Http2(_, lanes) => lanes.iter().map(|lanes| lanes.in_use()).sum(),
        }
    }

    /// Connections kept for the next request, that carry none now.
    #[must_use]
    pub fn idle(&self) -> usize {
        match &self.connections {
            Connections::Http1(lines) => lines.iter().map(|lines| lines.idle()).sum(),
            Connections::Http2(_, lanes) => lanes.iter().map(|lanes| lanes.idle()).sum(),
        }
    }

    /// Closes idle connections of `worker` that are too old. Whether nothing is left, in use or idle. Connections of
    /// HTTP/2 see to that themselves.
    pub(super) fn sweep(&self, worker: Worker, now: Instant) -> bool {
        match &self.connections {
            Connections::Http1(lines) => lines.find(worker).is_none_or(|lines| lines.sweep(now)),
            Connections::Http2(..) => true,
        }
    }
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Origin").field("authority", &self.authority).finish_non_exhaustive()
    }
}
