//! Callers that make one request after the other, and keep count of what came.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::Scope;

use super::pair::body;
use crate::http::Client;
use crate::support::eventually;

/// What several callers see.
#[derive(Default)]
pub(super) struct Callers {
    stop: AtomicBool,
    lost: AtomicBool,
    answered: AtomicUsize,
    /// Requests that failed, by when they were begun: before a server was lost, and after.
    pub(super) failed_before: AtomicUsize,
    pub(super) failed_after: AtomicUsize,
}

/// Has them end, also where a test fails.
pub(super) struct Stop<'a>(&'a Callers);

impl Callers {
    /// So many callers of `echo`, until what is given back is dropped.
    pub(super) fn run<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        count: usize,
        gateway: SocketAddr,
    ) -> Stop<'scope> {
        for _ in 0..count {
            scope.spawn(move || {
                let mut client = Client::connect(gateway);
                while !self.stop.load(SeqCst) {
                    let after = self.lost.load(SeqCst);
                    let status = client.post("/v2/models/echo/infer", &body(1)).status;
                    let count = match (status, after) {
                        (200, _) => &self.answered,
                        (_, false) => &self.failed_before,
                        (_, true) => &self.failed_after,
                    };
                    count.fetch_add(1, SeqCst);
                }
            });
        }
        Stop(self)
    }

    /// From now on no request may fail.
    pub(super) fn server_is_lost(&self) {
        self.lost.store(true, SeqCst);
    }

    /// Waits until so many more are answered.
    pub(super) fn wait_for(&self, more: usize) {
        let before = self.answered.load(SeqCst);
        eventually("requests are answered", || self.answered.load(SeqCst) >= before + more);
    }
}

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, SeqCst);
    }
}
