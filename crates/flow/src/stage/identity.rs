//! Who calls. Needs the listener and the head only: until it has answered no body byte is read, and no answer depends on
//! a model.

use std::sync::Arc;

use sluicegate_config::Method;
use sluicegate_core::{Body, Kind, Refusal, RequestHead};

use crate::snapshot::{Door, Snapshot};
use crate::trail::Trail;

/// A request whose caller is known.
pub(crate) struct Identified<'a> {
    head: Box<RequestHead>,
    body: Body,
    door: &'a Arc<Door>,
}

/// Who calls where the listener lets anyone.
const ANYONE: &str = "anonymous";

pub(crate) fn identify<'a>(
    head: Box<RequestHead>,
    body: Body,
    snapshot: &'a Snapshot,
    trail: &mut Trail,
) -> Result<Identified<'a>, Refusal> {
    // A listener that this generation does not know lets nobody in.
    let door = snapshot.listeners.get(trail.listener()).filter(|door| door.authenticate.contains(&Method::Anonymous));
    let Some(door) = door else {
        trail.speaks(&head);
        return Err(Refusal::new(Kind::Unauthenticated, "this listener does not accept you"));
    };
    trail.identified(ANYONE);
    Ok(Identified { head, body, door })
}

impl<'a> Identified<'a> {
    pub(super) fn head(&self) -> &RequestHead {
        &self.head
    }

    /// Whether the caller may manage the model servers.
    pub(super) fn manages(&self) -> bool {
        self.door.management
    }

    /// Head and body, and the door they came by.
    pub(super) fn into_parts(self) -> (Box<RequestHead>, Body, &'a Arc<Door>) {
        (self.head, self.body, self.door)
    }
}
