//! What the servers see: which requests came, and when each of their clients was gone.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::clock;

/// Shared by servers and clients.
#[derive(Default)]
pub(super) struct Seen {
    next: AtomicU64,
    requests: Mutex<HashMap<u64, Option<u64>>>,
    changed: Notify,
}

/// A request that a server has; dropped when its client is gone.
pub(super) struct Held<'a> {
    seen: &'a Seen,
    number: u64,
}

impl Seen {
    /// One that no request had.
    pub(super) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The request is here.
    pub(super) fn hold(&self, number: u64) -> Held<'_> {
        self.requests.lock().entry(number).or_default();
        self.changed.notify_waiters();
        Held { seen: self, number }
    }

    /// Whether it has come to a server.
    pub(super) fn reached(&self, number: u64) -> bool {
        self.requests.lock().contains_key(&number)
    }

    /// Waits until it has.
    pub(super) async fn arrival(&self, number: u64) {
        self.until(|| self.reached(number).then_some(())).await;
    }

    /// When its client was gone.
    pub(super) async fn left(&self, number: u64) -> u64 {
        self.until(|| self.requests.lock().get(&number).copied().flatten()).await
    }

    async fn until<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(found) = look() {
                return found;
            }
            changed.await;
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.seen.requests.lock().insert(self.number, Some(clock::now()));
        self.seen.changed.notify_waiters();
    }
}
