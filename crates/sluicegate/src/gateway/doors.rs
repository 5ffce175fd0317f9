//! Listeners as the server takes them, with their certificates ready to be shown. What `check` says about certificates
//! is said here as well.

use std::sync::Arc;
use std::time::SystemTime;

use sluicegate_adapters::http::check_tls;
use sluicegate_config::{Listener, Resolved};
use sluicegate_core::{Endpoint, EndpointSource, KeyPair, Mistake, Span};
use sluicegate_server::{Exposure, Limits, ListenerPlan, Proxies, Tls, TlsError, Validity};

/// The listeners of one configuration.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    pub(crate) plans: Vec<ListenerPlan>,
    /// What is allowed but probably not meant.
    pub(crate) warnings: Vec<Mistake>,
    shown: Vec<Shown>,
}

/// What a listener shows of itself.
#[derive(Debug)]
struct Shown {
    listener: Arc<str>,
    pair: KeyPair,
    tls: Tls,
}

impl Doors {
    /// The listeners of `resolved`, where those of `before` serve now. A pair that stays is carried over, so that clients
    /// can take up their sessions.
    ///
    /// # Errors
    /// Every pair that cannot be used, with the place of the file that is wrong; also one whose time is over where the
    /// listener shows one now whose time is not.
    pub(crate) fn open(resolved: &Resolved, before: &Self, now: SystemTime) -> Result<Self, Vec<Mistake>> {
        let mut doors = Self::default();
        let mut mistakes = Vec::new();
        for listener in &resolved.listeners {
            let tls = match &listener.tls {
                None => None,
                Some(pair) => match doors.show(listener, pair, before, now) {
                    Ok(tls) => Some(tls),
                    Err(mistake) => {
                        mistakes.push(mistake);
                        continue;
                    }
                },
            };
            doors.plans.push(plan(listener, tls));
        }
        if mistakes.is_empty() { Ok(doors) } else { Err(mistakes) }
    }

    fn show(&mut self, listener: &Listener, pair: &KeyPair, before: &Self, now: SystemTime) -> Result<Tls, Mistake> {
        let known = before.shown.iter().chain(&self.shown).find(|shown| shown.pair == *pair);
        let tls = match known {
            Some(shown) => shown.tls.clone(),
            None => Tls::new(pair).map_err(|error| refused(pair, &error))?,
        };
        if let Some(words) = untimely(tls.validity(now)) {
            let at = &pair.certificate.span;
            let mistake = Mistake::at(at, words).help("clients will refuse it: have it renewed");
            let good = |shown: &Shown| shown.listener == listener.name && shown.tls.validity(now) == Validity::Valid;
            if before.shown.iter().any(good) {
                return Err(mistake);
            }
            self.warnings.push(mistake);
        }
        self.shown.push(Shown { listener: Arc::clone(&listener.name), pair: pair.clone(), tls: tls.clone() });
        Ok(tls)
    }
}

/// Whether a start would take the certificates of all listeners.
///
/// # Errors
/// Every pair that cannot be used, with its place.
pub(crate) fn usable(resolved: &Resolved, now: SystemTime) -> Result<(), Vec<Mistake>> {
    Doors::open(resolved, &Doors::default(), now).map(drop)
}

/// What the endpoints of all backends need for TLS, checked before anything is built of it.
///
/// # Errors
/// Every part that cannot be used, with its place.
pub(crate) fn check_backends(resolved: &Resolved) -> Result<(), Vec<Mistake>> {
    let mut mistakes: Vec<Mistake> = Vec::new();
    let listed = resolved.backends.iter().flat_map(|backend| backend.plan.endpoints.iter().cloned());
    let found = resolved.backends.iter().flat_map(|backend| backend.sources.iter().map(likeness));
    for endpoint in listed.chain(found) {
        if let Err(wrong) = check_tls(&endpoint) {
            let mistake = Mistake::at(&wrong.span, wrong.message);
            // The endpoints of a backend share one identity.
            if !mistakes.contains(&mistake) {
                mistakes.push(mistake);
            }
        }
    }
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
}

/// An endpoint such as may be found at `source`.
fn likeness(source: &EndpointSource) -> Endpoint {
    let authority = format!("{}:443", source.name().unwrap_or("localhost")).into();
    Endpoint { authority, prefix: Arc::clone(&source.prefix), host: None, tls: source.tls.clone() }
}

fn refused(pair: &KeyPair, error: &TlsError) -> Mistake {
    let at: &Span = match error {
        TlsError::Certificate(_) => &pair.certificate.span,
        TlsError::Key(_) => &pair.key.span,
    };
    Mistake::at(at, error.to_string())
}

fn untimely(validity: Validity) -> Option<&'static str> {
    match validity {
        Validity::Valid => None,
        Validity::Expired => Some("the certificate, or one behind it, has expired"),
        Validity::NotYet => Some("the certificate, or one behind it, is not valid yet"),
    }
}

fn plan(listener: &Listener, tls: Option<Tls>) -> ListenerPlan {
    let limits = &listener.limits;
    let exposure = match listener.exposure {
        sluicegate_config::Exposure::External => Exposure::External,
        sluicegate_config::Exposure::Internal => Exposure::Internal,
    };
    let header_list = limits.header_list.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    let proxies = Proxies { trusted: listener.trusted_proxies.clone(), announcing: listener.proxy_protocol.clone() };
    ListenerPlan {
        name: Arc::clone(&listener.name),
        address: listener.address,
        proxies: Arc::new(proxies),
        tls,
        limits: Limits {
            exposure,
            head: usize::try_from(limits.head).unwrap_or(usize::MAX),
            header_list: header_list.unwrap_or(exposure.header_list()),
            headers: limits.headers,
            body: limits.body,
            head_timeout: limits.head_timeout,
            body_timeout: limits.body_timeout,
            idle_timeout: limits.idle_timeout,
            handshake_timeout: limits.handshake_timeout,
            handshakes: limits.handshakes,
            connections: limits.connections,
            per_address: limits.per_address.unwrap_or(exposure.per_address(limits.connections)),
            body_min_rate: limits.body_min_rate,
            streams: limits.streams.unwrap_or(exposure.streams()),
        },
    }
}
