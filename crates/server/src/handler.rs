//! What a server hands requests to. Must not know who stands behind it.

use std::future::Future;
use std::sync::Arc;

use sluicegate_core::{Inbound, Kind, Outbound};

/// Answers requests. Cloned for each, so a handle (`Arc`) is what should implement it.
pub trait Handler: Clone + Send + Sync + 'static {
    /// Answers one request. The future is dropped when the client leaves before the answer began; the answer's body is
    /// dropped when it leaves later.
    fn serve(&self, inbound: Inbound) -> impl Future<Output = Outbound> + Send;

    /// Told that `listener` refused a request whose head made no sense or broke a limit, so that it can be counted.
    fn refused(&self, listener: &Arc<str>, kind: Kind) {
        let _ = (listener, kind);
    }
}

impl<F, A> Handler for F
where
    F: Fn(Inbound) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Outbound> + Send,
{
    fn serve(&self, inbound: Inbound) -> impl Future<Output = Outbound> + Send {
        self(inbound)
    }
}
