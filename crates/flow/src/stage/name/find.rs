//! Where a name leads: to a model and a version of it that this generation has and this listener exposes. It must not know
//! who asks.

use sluicegate_core::{Asked, Kind, Operation, Refusal};

use crate::door::Door;
use crate::snapshot::{Model, Snapshot, Version};

type Found<'a> = (&'a Model, Option<&'a Version>);

/// The one refusal for models and versions that there are not, or not for the caller.
pub(in crate::stage) fn not_found() -> Refusal {
    Refusal::new(Kind::ModelNotFound, "no such model or version")
}

/// The model of this name, where there is one for those that come in by `door`.
pub(super) fn there<'a>(name: &str, snapshot: &'a Snapshot, door: &Door) -> Result<&'a Model, Refusal> {
    let model = snapshot.models.get(name).ok_or_else(not_found)?;
    if door.exposes(name) { Ok(model) } else { Err(not_found().because(format!("`{name}` is not exposed here"))) }
}

pub(super) fn find<'a>(asked: &Asked, snapshot: &'a Snapshot, door: &Door) -> Result<Found<'a>, Refusal> {
    let name = asked.model.as_deref().ok_or_else(not_found)?;
    let model = there(name, snapshot, door)?;
    // A list of the protocol's models does not name the others: neither does a question about one of them.
    if asked.operation == Operation::Metadata && !model.is_for(asked.protocol) {
        return Err(not_found());
    }
    let pinned = match asked.version.as_deref() {
        Some(version) => Some(&**model.version(version).ok_or_else(not_found)?),
        None => None,
    };
    Ok((model, pinned))
}
