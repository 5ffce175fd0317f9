//! What a backend knows of each of its endpoints, found by the endpoint that a call names.

use std::ops::Deref;
use std::sync::Arc;

use arc_swap::ArcSwap;
use sluicegate_core::Endpoint;

/// The endpoints of a backend: those of its plan, and those that were found since.
pub(crate) struct Peers<P> {
    planned: Vec<(Endpoint, Arc<P>)>,
    /// In the order of where the text of their addresses lies: there may be many, and calls name them by that very text.
    found: ArcSwap<Vec<(Endpoint, Arc<P>)>>,
}

/// What is known of one of them. The plan's own stay as long as the backend: nothing is counted for them.
pub(crate) enum Handle<'a, P> {
    Planned(&'a P),
    Found(Arc<P>),
}

impl<P> Deref for Handle<'_, P> {
    type Target = P;

    fn deref(&self) -> &P {
        match self {
            Self::Planned(peer) => peer,
            Self::Found(peer) => peer,
        }
    }
}

impl<P> Peers<P> {
    /// What is known of `endpoint`; `None` for one that is not among them.
    pub(crate) fn get(&self, endpoint: &Endpoint) -> Option<Handle<'_, P>> {
        // A call names the plan's own: the same text in the same place, which is told without reading it.
        let own = |(known, _): &&(Endpoint, Arc<P>)| Arc::ptr_eq(&known.authority, &endpoint.authority);
        let own = self.planned.iter().find(own).filter(|(known, _)| known == endpoint);
        let planned = own.or_else(|| self.planned.iter().find(|(known, _)| known == endpoint));
        planned.map(|(_, peer)| Handle::Planned(&**peer)).or_else(|| self.find(endpoint).map(Handle::Found))
    }

    fn find(&self, endpoint: &Endpoint) -> Option<Arc<P>> {
        let found = self.found.load();
        let place = found.binary_search_by_key(&address(endpoint), |(known, _)| address(known)).ok();
        let own = place.and_then(|place| found.get(place)).filter(|(known, _)| known == endpoint);
        own.or_else(|| found.iter().find(|(known, _)| known == endpoint)).map(|(_, peer)| Arc::clone(peer))
    }

    /// Adds an endpoint of the plan, unless it is there.
    pub(crate) fn insert(&mut self, endpoint: Endpoint, peer: Arc<P>) {
        if self.planned.iter().all(|(known, _)| *known != endpoint) {
            self.planned.push((endpoint, peer));
        }
    }

    /// Has these endpoints for the ones that were found. One that nobody can `make` anything of is left out: whoever calls it
    /// hears why.
    pub(crate) fn expect<E>(&self, endpoints: &[Endpoint], make: impl Fn(&Endpoint) -> Result<Arc<P>, E>) {
        let is_found = |endpoint: &&Endpoint| self.planned.iter().all(|(known, _)| known != *endpoint);
        let peer = |endpoint: &Endpoint| {
            let peer = self.find(endpoint).or_else(|| make(endpoint).ok())?;
            Some((endpoint.clone(), peer))
        };
        let mut found: Vec<_> = endpoints.iter().filter(is_found).filter_map(peer).collect();
        found.sort_by_key(|(endpoint, _)| address(endpoint));
        self.found.store(Arc::new(found));
    }

    /// Whether `is` holds for all of them, and there is one.
    pub(crate) fn all(&self, is: impl Fn(&P) -> bool) -> bool {
        let (planned, found) = (&self.planned, self.found.load());
        !(planned.is_empty() && found.is_empty()) && planned.iter().chain(&**found).all(|(_, peer)| is(peer))
    }
}

fn address(endpoint: &Endpoint) -> usize {
    endpoint.authority.as_ptr().addr()
}

impl<P> Default for Peers<P> {
    fn default() -> Self {
        Self { planned: Vec::new(), found: ArcSwap::default() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sluicegate_core::Endpoint;

    use super::Peers;

    fn endpoint(at: &str) -> Endpoint {
        Endpoint { authority: at.into(), prefix: "".into(), host: None, tls: None }
    }

    /// A peer that knows where it is.
    fn make(endpoint: &Endpoint) -> Result<Arc<String>, ()> {
        if &*endpoint.authority == "none" { Err(()) } else { Ok(Arc::new(endpoint.authority.to_string())) }
    }

    #[test]
    fn what_is_known_stays_as_long_as_its_endpoint() {
        let mut peers = Peers::default();
        assert!(!peers.all(|_| true), "there is none");
        peers.insert(endpoint("planned"), Arc::new("planned".to_owned()));
        let found: Vec<Endpoint> = (0..100).map(|nth| endpoint(&format!("e{nth}"))).collect();
        peers.expect(&[&[endpoint("planned"), endpoint("none")], &*found].concat(), make);
        for at in found.iter().chain([&endpoint("planned"), &endpoint("e42")]) {
            assert_eq!(*peers.get(at).unwrap(), *at.authority, "also by another text that says the same");
        }
        assert!(peers.get(&endpoint("none")).is_none() && peers.get(&endpoint("e100")).is_none());
        assert!(peers.all(|peer| !peer.is_empty()) && !peers.all(|peer| peer == "planned"));
        let before = std::ptr::from_ref(&*peers.get(&found[7]).unwrap());
        peers.expect(&found[5..9], make);
        assert!(std::ptr::eq(before, &*peers.get(&found[7]).unwrap()));
        assert!(peers.get(&found[1]).is_none());
        assert!(peers.get(&endpoint("planned")).is_some());
        // Another name at the same address is another endpoint.
        assert!(peers.get(&Endpoint { host: Some("name:1".into()), ..found[7].clone() }).is_none());
    }
}
