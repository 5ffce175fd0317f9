//! Whether the whole gateway has room for one more request for a model: cheap, and before anything is spent on it. What is
//! asked about models, and about the gateway, is answered all the same.

use sluicegate_config::Priority;
use sluicegate_core::{Kind, Refusal};

use super::name::NamedStream;
use super::permit::Permitted;
use crate::control::Gateway;
use crate::snapshot::Snapshot;
use crate::trail::Trail;

/// A request that may take its part of what the gateway has, until its answer's last byte is out.
pub(crate) struct Admitted<T>(T);

/// What may matter more or less than others.
pub(crate) trait Matters {
    /// How much.
    fn matters(&self) -> Priority;
}

pub(crate) fn admit<T: Matters>(
    named: T,
    gateway: &Gateway,
    snapshot: &Snapshot,
    trail: &mut Trail,
) -> Result<Admitted<T>, Refusal> {
    if !gateway.crowd.enter(snapshot.overload.requests, named.matters()) {
        let cause = "as many requests are under way as `overload.requests` lets in at this priority";
        return Err(Refusal::new(Kind::Overloaded, "the gateway has no room for this request now").because(cause));
    }
    trail.admitted();
    Ok(Admitted(named))
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
}

/// A model named on the stream may say more; the stream itself is as its listener says.
impl Matters for NamedStream {
    fn matters(&self) -> Priority {
        self.priority().unwrap_or_default()
    }
}
