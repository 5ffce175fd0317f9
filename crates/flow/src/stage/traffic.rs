//! Which version answers: the one the client named, else the model's stable one. A pure function of the snapshot and the
//! request.

use std::sync::Arc;

use super::name::NamedModel;
use super::read::{Payload, Read};
use crate::snapshot::Version;
use crate::trail::Trail;

/// A request, and the version that will answer it.
pub(crate) struct Chosen {
    named: NamedModel,
    payload: Payload,
    version: Arc<Version>,
}

/// A question about a model, and the version that will answer it.
pub(crate) struct ChosenInquiry {
    named: NamedModel,
    version: Arc<Version>,
}

pub(crate) fn choose(read: Read, trail: &mut Trail) -> Chosen {
    let (named, payload) = read.into_parts();
    let version = decide(&named);
    trail.chosen(&version);
    Chosen { named, payload, version }
}

pub(crate) fn choose_for_inquiry(named: NamedModel, trail: &mut Trail) -> ChosenInquiry {
    let version = decide(&named);
    trail.chosen(&version);
    ChosenInquiry { named, version }
}

pub(super) fn decide(named: &NamedModel) -> Arc<Version> {
    Arc::clone(named.pinned().unwrap_or(&named.model().stable))
}

impl Chosen {
    /// Whether its payload is values that were read by the model's description.
    pub(crate) const fn has_values(&self) -> bool {
        matches!(self.payload, Payload::Values(_))
    }

    pub(super) fn into_parts(self) -> (NamedModel, Payload, Arc<Version>) {
        (self.named, self.payload, self.version)
    }
}

impl ChosenInquiry {
    pub(super) fn into_parts(self) -> (NamedModel, Arc<Version>) {
        (self.named, self.version)
    }
}
