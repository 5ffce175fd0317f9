//! The connections to one endpoint: those in use are counted, idle ones kept for the next request. Bounded in number
//! and age. Must not know what is asked over them.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::HeaderValue;
use parking_lot::Mutex;
use sluicegate_core::Clock;

use super::Speaks;
use super::lanes::Lanes;
use super::line::Line;

/// Most idle connections kept for one endpoint.
const IDLE_LIMIT: usize = 128;

/// How long a connection is kept idle. Below the five seconds after which uvicorn, and so MLServer and KServe, closes
/// one: a request sent at that very moment would be lost without a way to tell how far it got.
pub(super) const IDLE_AGE: Duration = Duration::from_secs(4);

/// The connections to one endpoint.
pub struct Origin {
    authority: Arc<str>,
    host: HeaderValue,
    clock: Arc<dyn Clock>,
    in_use: AtomicUsize,
    /// The one used last stands last, so that the others grow old.
    idle: Mutex<Vec<(Instant, Box<Line>)>>,
    /// The connections where it speaks HTTP/2; then there are no others.
    lanes: Option<Arc<Lanes>>,
}

/// A connection in use. Dropping it closes the socket; only a finished one goes back.
pub(super) struct Lease {
    origin: Arc<Origin>,
    line: Option<Box<Line>>,
}

impl Origin {
    /// The endpoint at `authority` (`host:port`).
    ///
    /// # Errors
    /// The authority holds characters that no `host` header can carry.
    pub(super) fn new(authority: Arc<str>, speaks: Speaks, clock: Arc<dyn Clock>) -> Result<Self, http::Error> {
        let host = HeaderValue::from_str(&authority)?;
        let lanes = match speaks {
            Speaks::Http1 => None,
            Speaks::Http2 => Some(Lanes::new(&authority)?),
        };
        Ok(Self { authority, host, clock, in_use: AtomicUsize::new(0), idle: Mutex::new(Vec::new()), lanes })
    }

    /// Its HTTP/2 connections, where that is what it speaks.
    pub(super) const fn lanes(&self) -> Option<&Arc<Lanes>> {
        self.lanes.as_ref()
    }

    /// `host:port`.
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
        self.in_use.load(Ordering::Relaxed) + self.lanes.as_ref().map_or(0, |lanes| lanes.in_use())
    }

    /// Connections kept for the next request, that carry none now.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.idle.lock().len() + self.lanes.as_ref().map_or(0, |lanes| lanes.idle())
    }

    /// Counts `line` as in use.
    pub(super) fn lease(self: &Arc<Self>, line: Box<Line>) -> Lease {
        self.in_use.fetch_add(1, Ordering::Relaxed);
        Lease { origin: Arc::clone(self), line: Some(line) }
    }

    /// An idle connection that is open as far as can be told now.
    pub(super) async fn take(self: &Arc<Self>) -> Option<Lease> {
        let now = self.clock.now();
        loop {
            let (since, line) = self.idle.lock().pop()?;
            if now.saturating_duration_since(since) >= IDLE_AGE {
                // It was the youngest: the rest is older still.
                self.sweep(now);
                return None;
            }
            let mut lease = self.lease(line);
            // Reads what has arrived: a peer that hung up, or spoke unasked, is found out here.
            if poll_fn(|context| Poll::Ready(lease.line().is_some_and(|line| line.is_fit(context)))).await {
                return Some(lease);
            }
        }
    }

    /// Closes idle connections that are too old. Whether nothing is left, in use or idle. Connections of HTTP/2 see to
    /// that themselves.
    pub(super) fn sweep(&self, now: Instant) -> bool {
        if self.lanes.is_some() {
            return true;
        }
        let old = {
            let mut idle = self.idle.lock();
            let fresh = idle.partition_point(|(since, _)| now.saturating_duration_since(*since) >= IDLE_AGE);
            let young = idle.split_off(fresh);
            std::mem::replace(&mut *idle, young)
        };
        // Sockets are closed outside the lock.
        drop(old);
        self.in_use() == 0 && self.idle() == 0
    }

    fn put(&self, line: Box<Line>) {
        let now = self.clock.now();
        let mut idle = self.idle.lock();
        if idle.len() < IDLE_LIMIT {
            idle.push((now, line));
        }
    }
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Origin").field("authority", &self.authority).finish_non_exhaustive()
    }
}

impl Lease {
    /// The connection; `None` once it was given back.
    pub(super) fn line(&mut self) -> Option<&mut Line> {
        self.line.as_deref_mut()
    }

    /// Gives the connection back if the exchange is complete in both directions; else closes it.
    pub(super) fn finish(mut self, context: &mut Context<'_>) {
        if let Some(mut line) = self.line.take()
            && line.is_fit(context)
        {
            self.origin.put(line);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.origin.in_use.fetch_sub(1, Ordering::Relaxed);
    }
}
