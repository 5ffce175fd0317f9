//! Whether the caller may make one more request, by the limits it falls under; then whether the whole gateway has room for one
//! more for a model: cheap, and before anything is spent on it. What is asked about models is answered however full the
//! gateway is, and counts for limits that name no model; what is asked about the gateway is answered always.
//!
//! What a limit let through is used up, also where something further on refuses the request; places are given back.

use sluicegate_config::Priority;
use sluicegate_core::{Kind, Refusal};

use super::name::NamedStream;
use super::permit::Permitted;
use crate::control::Gateway;
use crate::limits::{AtDoor, What};
use crate::snapshot::Snapshot;
use crate::trail::Trail;

/// A request that may take its part of what the gateway has, until its answer's last byte is out.
pub(crate) struct Admitted<T>(T);

/// What may matter more or less than others.
pub(crate) trait Matters {
    /// How much.
    fn matters(&self) -> Priority;

    /// What it takes of the limits that are for its listener, if any are.
    fn takes(&self) -> Option<(&AtDoor, What<'_>)>;
}

pub(crate) fn admit<T: Matters>(
    named: T,
    gateway: &Gateway,
    snapshot: &Snapshot,
    trail: &mut Trail,
) -> Result<Admitted<T>, Refusal> {
    if let Some((allowance, what)) = named.takes() {
        take(allowance, what, gateway, trail)?;
    }
    if !gateway.crowd.enter(snapshot.overload.requests, named.matters()) {
        let cause = "as many requests are under way as `overload.requests` lets in at this priority";
        return Err(Refusal::new(Kind::Overloaded, "the gateway has no room for this request now").because(cause));
    }
    trail.admitted();
    Ok(Admitted(named))
}

/// Lets a question or an order by, as far as limits go.
///
/// # Errors
/// A limit has not enough left.
pub(crate) fn ask(gateway: &Gateway, snapshot: &Snapshot, trail: &mut Trail) -> Result<(), Refusal> {
    match snapshot.listeners.get(trail.listener()).and_then(|door| door.allowance.as_deref()) {
        Some(allowance) => take(allowance, What::Question, gateway, trail),
        None => Ok(()),
    }
}

fn take(allowance: &AtDoor, what: What<'_>, gateway: &Gateway, trail: &mut Trail) -> Result<(), Refusal> {
    let (taken, refusal) = match allowance.take(what, trail.asker(gateway.clock.now()), &*gateway.sink) {
        Ok(taken) => (taken, None),
        Err((refusal, told)) => (told, Some(refusal)),
    };
    trail.took(taken);
    refusal.map_or(Ok(()), Err)
}

impl<T> Admitted<T> {
    pub(super) fn into_inner(self) -> T {
        self.0
    }
}

impl Matters for Permitted<'_> {
    fn matters(&self) -> Priority {
        self.caller().priority
    }

    fn takes(&self) -> Option<(&AtDoor, What<'_>)> {
        Some((self.door.allowance.as_deref()?, What::Run(&self.model().name)))
    }
}

/// A model named on the stream may say more; the stream itself is as its listener says.
impl Matters for NamedStream {
    fn matters(&self) -> Priority {
        self.priority().unwrap_or_default()
    }

    fn takes(&self) -> Option<(&AtDoor, What<'_>)> {
        Some((self.door.allowance.as_deref()?, What::Stream))
    }
}
