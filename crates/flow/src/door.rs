//! A listener, as the requests that come in by it see it: who may come in, for which hosts and models, and how much they may
//! ask for. Made with a generation; it must not know who asks.

use std::collections::HashSet;
use std::sync::Arc;

use sluicegate_config::{HostName, Listener, Method, Priority, Resolved};
use sluicegate_core::{Mixing, RequestHead};
use sluicegate_wire::Limits;

use crate::limits::{AtDoor, Limits as Allowances};

/// Who may come in by a listener, and what for.
pub(crate) struct Door {
    /// Whether callers need not say who they are.
    pub(crate) anonymous: bool,
    /// The fields in which API keys are taken, where they are.
    pub(crate) keys: Option<Vec<&'static str>>,
    /// Whether tokens of other issuers are taken.
    pub(crate) tokens: bool,
    /// Whether callers may manage the model servers.
    pub(crate) management: bool,
    /// Whose calls go first, where it is said here and not by the model.
    pub(crate) priority: Option<Priority>,
    /// What a message may ask of its reader.
    pub(crate) limits: Limits,
    /// How much its callers may ask for; `None`: as much as they like.
    pub(crate) allowance: Option<Box<AtDoor>>,
    /// The hosts that requests may name; `None`: any, or none.
    hosts: Option<Vec<HostName>>,
    /// The models that are there; `None`: all.
    exposes: Option<HashSet<Arc<str>, Mixing>>,
}

impl Door {
    /// That of `listener`, to which so much of `allowances` is for.
    pub(crate) fn new(listener: &Listener, resolved: &Resolved, allowances: Option<&Arc<Allowances>>) -> Self {
        let taken = || resolved.identity.key_headers.iter().map(|header| header.as_str()).collect();
        Self {
            anonymous: listener.authenticate.contains(&Method::Anonymous),
            keys: listener.authenticate.contains(&Method::ApiKey).then(taken),
            tokens: listener.authenticate.contains(&Method::Oidc),
            management: listener.management,
            priority: listener.priority,
            // A message is as large as a body, at most.
            limits: Limits { message: listener.limits.body, ..Limits::default() },
            allowance: allowances.and_then(|all| all.at(&resolved.limits, listener)),
            hosts: listener.hosts.clone(),
            exposes: listener.expose.as_ref().map(|models| models.iter().cloned().collect()),
        }
    }

    /// Whether requests for the host that `head` names are served here.
    pub(crate) fn serves(&self, head: &RequestHead) -> bool {
        let Some(hosts) = &self.hosts else { return true };
        let Some(host) = head.host() else { return false };
        let host = host.strip_suffix('.').unwrap_or(host);
        hosts.iter().any(|known| match known {
            HostName::Exactly(name) => name.eq_ignore_ascii_case(host),
            // One label, as in certificates: whoever may have names below one of those is somebody else.
            HostName::Below(name) => {
                host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && name.eq_ignore_ascii_case(rest))
            }
        })
    }

    /// Whether the model of this name is there for those that come in here, if it is there at all.
    pub(crate) fn exposes(&self, model: &str) -> bool {
        self.exposes.as_ref().is_none_or(|models| models.contains(model))
    }

    /// Whether every model is, so that what is for all servers is for nobody else's.
    pub(crate) const fn exposes_all(&self) -> bool {
        self.exposes.is_none()
    }
}
