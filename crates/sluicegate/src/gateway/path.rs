//! The way from the server to the request path, which do not know each other.

use std::sync::Arc;

use sluicegate_core::{Inbound, Kind, Outbound};
use sluicegate_flow::control::Gateway;
use sluicegate_server::Handler;

/// A request handler that the server knows nothing about.
#[derive(Clone)]
pub(super) struct Path(pub(super) Arc<Gateway>);

impl Handler for Path {
    fn serve(&self, inbound: Inbound) -> impl Future<Output = Outbound> + Send {
        sluicegate_flow::serve(&self.0, inbound)
    }

    fn refused(&self, listener: &Arc<str>, kind: Kind) {
        self.0.turned_away(listener, kind);
    }
}
