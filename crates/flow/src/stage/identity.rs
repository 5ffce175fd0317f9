//! Who calls. Needs the listener and the head only: until it has answered no body byte is read, and no answer depends on
//! a model.

use std::sync::Arc;

use http::request::Parts;
use sluicegate_config::Method;
use sluicegate_core::{Body, Inbound, Kind, Refusal};
use sluicegate_wire::Limits;

use crate::snapshot::Snapshot;
use crate::trail::Trail;

/// A request whose caller is known.
pub(crate) struct Identified {
    head: Parts,
    body: Body,
    manages: bool,
    limits: Limits,
}

thread_local! {
    static ANONYMOUS: Arc<str> = Arc::from("anonymous");
}

pub(crate) fn identify(inbound: Inbound, snapshot: &Snapshot, trail: &mut Trail) -> Result<Identified, Refusal> {
    let Inbound { listener, head, body, .. } = inbound;
    // A listener that this generation does not know lets nobody in.
    let door = snapshot.listeners.get(&listener).filter(|door| door.authenticate.contains(&Method::Anonymous));
    let Some(door) = door else {
        return Err(Refusal::new(Kind::Unauthenticated, "this listener does not accept you"));
    };
    ANONYMOUS.with(|name| trail.identified(name));
    let limits = Limits { message: door.body, ..Limits::default() };
    Ok(Identified { head, body, manages: door.management, limits })
}

impl Identified {
    pub(super) const fn head(&self) -> &Parts {
        &self.head
    }

    /// Whether the caller may manage the model servers.
    pub(super) const fn manages(&self) -> bool {
        self.manages
    }

    /// What one of the caller's messages may ask of its reader.
    pub(super) const fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn into_parts(self) -> (Parts, Body) {
        (self.head, self.body)
    }
}
