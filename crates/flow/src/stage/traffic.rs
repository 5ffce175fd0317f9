//! Which version answers, of those that the caller may use: the one the client named, else the model's stable one, else the
//! first in the configuration's order. A pure function of the snapshot and the request.

use super::name::NamedModel;
use super::permit::Permitted;
use super::read::{Payload, Read};
use crate::snapshot::Version;
use crate::trail::Trail;

/// A request, and the version that will answer it.
pub(crate) struct Chosen<'a> {
    named: NamedModel<'a>,
    payload: Payload,
    version: &'a Version,
}

/// A question about a model, and the version that will answer it.
pub(crate) struct ChosenInquiry<'a> {
    named: NamedModel<'a>,
    version: &'a Version,
}

pub(crate) fn choose<'a>(read: Read<'a>, trail: &mut Trail) -> Chosen<'a> {
    let (permitted, payload) = read.into_parts();
    let version = decide(&permitted);
    trail.chosen(version);
    Chosen { named: permitted.into_named(), payload, version }
}

pub(crate) fn choose_for_inquiry<'a>(permitted: Permitted<'a>, trail: &mut Trail) -> ChosenInquiry<'a> {
    let version = decide(&permitted);
    trail.chosen(version);
    ChosenInquiry { named: permitted.into_named(), version }
}

pub(super) fn decide<'a>(permitted: &Permitted<'a>) -> &'a Version {
    if let Some(pinned) = permitted.pinned() {
        return pinned;
    }
    let stable = &*permitted.model().stable;
    if permitted.holds(stable) { stable } else { permitted.versions().next().unwrap_or(stable) }
}

impl<'a> Chosen<'a> {
    /// Whether its payload is values that were read by the model's description.
    pub(crate) const fn has_values(&self) -> bool {
        matches!(self.payload, Payload::Values(_))
    }

    pub(super) fn into_parts(self) -> (NamedModel<'a>, Payload, &'a Version) {
        (self.named, self.payload, self.version)
    }
}

impl<'a> ChosenInquiry<'a> {
    pub(super) fn into_parts(self) -> (NamedModel<'a>, &'a Version) {
        (self.named, self.version)
    }
}
