//! What a backend knows of each of its endpoints, found by the endpoint that a call names.

use std::sync::Arc;

use sluicegate_core::Endpoint;

/// The endpoints of a backend's plan, each once.
pub(crate) struct Peers<P>(Vec<(Endpoint, Arc<P>)>);

impl<P> Peers<P> {
    /// What is known of `endpoint`; `None` for one that the plan does not name.
    pub(crate) fn get(&self, endpoint: &Endpoint) -> Option<&Arc<P>> {
        // A call names the plan's own: the same text in the same place, which is told without reading it.
        let own = |(known, _): &&(Endpoint, Arc<P>)| Arc::ptr_eq(&known.authority, &endpoint.authority);
        let own = self.0.iter().find(own).filter(|(known, _)| known == endpoint);
        own.or_else(|| self.0.iter().find(|(known, _)| known == endpoint)).map(|(_, peer)| peer)
    }

    /// Adds an endpoint, unless it is there.
    pub(crate) fn insert(&mut self, endpoint: Endpoint, peer: Arc<P>) {
        if self.get(&endpoint).is_none() {
            self.0.push((endpoint, peer));
        }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<P>> {
        self.0.iter().map(|(_, peer)| peer)
    }
}

impl<P> Default for Peers<P> {
    fn default() -> Self {
        Self(Vec::new())
    }
}
