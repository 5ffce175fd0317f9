//! The issuers of tokens, as configuration after configuration names them. It must not know what a token is, nor how keys are
//! fetched.

use std::sync::Arc;

use sluicegate_adapters::http::TcpConnector;
use sluicegate_adapters::identity::oidc::{IssuerStanding, Oidc, Served};
use sluicegate_config::Resolved;
use sluicegate_core::{Clock, Mistake, Tokens};

use super::lasting::{self, Restarts};

/// The tokens that requests are let in by, and whose they are.
pub(super) struct Issuers {
    oidc: Arc<Oidc>,
}

impl Issuers {
    pub(super) fn new(clock: &Arc<dyn Clock>) -> Self {
        Self { oidc: Arc::new(Oidc::new(Arc::new(TcpConnector), Arc::clone(clock))) }
    }

    /// The tokens, whatever configuration serves: for the whole life of the gateway.
    pub(super) fn tokens(&self) -> Arc<dyn Tokens> {
        Arc::clone(&self.oidc) as _
    }

    /// How it stands with each issuer, whenever that is asked for.
    pub(super) fn standing(&self) -> impl Fn() -> Vec<IssuerStanding> + Send + Sync + use<> {
        let oidc = Arc::clone(&self.oidc);
        move || oidc.standing()
    }

    /// Begins to keep their keys fresh.
    pub(super) fn follow(&self, restarts: &Restarts) {
        let oidc = Arc::clone(&self.oidc);
        lasting::keep("the fetching of issuers' keys", restarts, move || Arc::clone(&oidc).follow());
    }

    /// The issuers of `resolved`, with the keys of those that answer.
    ///
    /// # Errors
    /// What they are reached by, or a file of keys, cannot be used.
    pub(super) async fn prepare(&self, resolved: &Resolved) -> Result<Served, Vec<Mistake>> {
        self.oidc.prepare(&resolved.identity.issuers).await
    }

    /// From now on their tokens are known.
    pub(super) fn commit(&self, prepared: Served) {
        self.oidc.serve(prepared);
    }
}
