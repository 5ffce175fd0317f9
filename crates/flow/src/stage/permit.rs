//! What the caller may do with the model it named: the set of versions it may use. Behind it there is no way to a version
//! outside of that set.
//!
//! A model of which a caller may do nothing does not exist for it: it is refused in the words for a model that nobody has.
//! One that it may use otherwise is there, and what it may not do with it is forbidden.
//!
//! Where rules are merely observed, what they refuse passes and is told. What a credential's own bounds leave out, and orders,
//! are refused all the same.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, LazyLock};

use sluicegate_core::{Identity, Kind, Operation, OperationSet, Principal, Refusal};
use sluicegate_rules::Decision;

use super::name::{NamedModel, not_found};
use crate::door::Door;
use crate::snapshot::{Model, Snapshot, Version};
use crate::trail::Trail;

/// A request for a model, and the versions of it that the caller may use: at least one, and the one it named if it did.
pub(crate) struct Permitted<'a> {
    named: NamedModel<'a>,
    permit: Permit,
    /// How the rules refuse it, where they are merely observed.
    would_refuse: Option<Kind>,
}

/// Versions of a model that may be used.
enum Permit {
    /// Every one.
    All,
    /// Those that the policies say.
    Some(Arc<Decision>),
}

/// As whom policies see those that do not identify themselves.
static ANYBODY: LazyLock<Principal> = LazyLock::new(Principal::anonymous);

/// What may be merely observed: whatever runs a model or asks about one.
static OBSERVED: LazyLock<OperationSet> = LazyLock::new(|| {
    ["run", "read"].into_iter().filter_map(OperationSet::named).fold(OperationSet::NONE, OperationSet::union)
});

/// Lets the request by, if the caller may do what it asks for, and notes where the rules would not have.
///
/// # Errors
/// It may not.
pub(crate) fn permit<'a>(named: NamedModel<'a>, trail: &mut Trail) -> Result<Permitted<'a>, Refusal> {
    let permitted = permit_message(named, trail.identity())?;
    if let Some(kind) = permitted.would_refuse {
        trail.would_refuse(permitted.model(), kind);
    }
    Ok(permitted)
}

/// The same for one message of a stream, of which whoever reads the stream notes the rest.
///
/// # Errors
/// It may not.
pub(super) fn permit_message<'a>(named: NamedModel<'a>, identity: &Identity) -> Result<Permitted<'a>, Refusal> {
    let (model, operation, pinned) = (named.model(), named.operation(), named.pinned());
    match decide(model, identity, operation) {
        Some(permit) if pinned.is_none_or(|version| permit.holds(model, version)) => {
            Ok(Permitted { named, permit, would_refuse: None })
        }
        _ if is_waived(model, identity, operation) => {
            let there = is_there(model, pinned, |version| is_visible_by_rules(model, version, identity));
            let kind = if there { Kind::Forbidden } else { not_found().kind };
            Ok(Permitted { named, permit: Permit::All, would_refuse: Some(kind) })
        }
        _ => Err(denied(model, pinned, identity, operation)),
    }
}

/// Lets an order about `model` by.
///
/// # Errors
/// `identity` may not manage it.
pub(super) fn permit_order(model: &Model, identity: &Identity) -> Result<(), Refusal> {
    // An order goes to all versions.
    let all = |permit: &Permit| model.versions.iter().all(|version| permit.holds(model, version));
    match decide(model, identity, Operation::Manage).filter(all) {
        Some(_) => Ok(()),
        None => Err(denied(model, None, identity, Operation::Manage)),
    }
}

/// Lets an order by that goes to every server.
///
/// # Errors
/// There is a model that `identity` may not manage, or may by another door only.
pub(super) fn permit_order_to_all(snapshot: &Snapshot, door: &Door, identity: &Identity) -> Result<(), Refusal> {
    let cause = if door.exposes_all() {
        let refused = snapshot.models.values().find(|model| permit_order(model, identity).is_err());
        let Some(model) = refused else { return Ok(()) };
        format!("`{}` may not manage `{}`, and the order goes to every server", identity.id(), model.name)
    } else {
        "the listener exposes some models only, and the order goes to every server".to_owned()
    };
    Err(Refusal::new(Kind::Forbidden, "you may not give this order to every server").because(cause))
}

/// Whether a version of `model` is there for `identity`: it may do something with it.
pub(super) fn is_visible(model: &Model, version: &Version, identity: &Identity) -> bool {
    is_visible_by_rules(model, version, identity)
        || model.observes && OBSERVED.iter().any(|operation| is_waived(model, identity, operation))
}

fn is_visible_by_rules(model: &Model, version: &Version, identity: &Identity) -> bool {
    match (&model.access, identity) {
        (None, Identity::Anonymous) => true,
        (None, _) | (Some(_), Identity::Unsettled) => false,
        (Some(access), _) => {
            let principal = principal(identity);
            let reach = access.reach(principal);
            let permitted = model.place(version).and_then(|place| reach.get(place));
            permitted.is_some_and(|set| set.iter().any(|operation| principal.reaches(operation, &model.name)))
        }
    }
}

/// Whether `identity` may do `operation` with a version of `model`.
pub(super) fn may(model: &Model, version: &Version, identity: &Identity, operation: Operation) -> bool {
    decide(model, identity, operation).is_some_and(|permit| permit.holds(model, version))
        || is_waived(model, identity, operation)
}

/// Whether it passes whatever the rules say: they are merely observed. How far a credential reaches is no rule.
fn is_waived(model: &Model, identity: &Identity, operation: Operation) -> bool {
    model.observes
        && !matches!(identity, Identity::Unsettled)
        && OBSERVED.contains(operation)
        && principal(identity).reaches(operation, &model.name)
}

/// The versions that `identity` may use so; `None`: not one. A model without `access` is for those that nobody asks who they
/// are, and for nobody else.
fn decide(model: &Model, identity: &Identity, operation: Operation) -> Option<Permit> {
    let access = match (&model.access, identity) {
        (None, Identity::Anonymous) => return Some(Permit::All),
        (None, _) | (Some(_), Identity::Unsettled) => return None,
        (Some(access), _) => access,
    };
    let principal = principal(identity);
    if !principal.reaches(operation, &model.name) {
        return None;
    }
    let decision = access.decide(principal, operation);
    (!decision.versions.is_empty()).then_some(Permit::Some(decision))
}

fn principal(identity: &Identity) -> &Principal {
    match identity {
        Identity::Known(principal) => principal,
        Identity::Anonymous | Identity::Unsettled => &ANYBODY,
    }
}

fn denied(model: &Model, pinned: Option<&Version>, identity: &Identity, operation: Operation) -> Refusal {
    let cause = format!("no rule lets `{}` do `{}` with `{}`", identity.id(), operation.as_str(), model.name);
    if is_there(model, pinned, |version| is_visible(model, version, identity)) {
        Refusal::new(Kind::Forbidden, "you may not do this with this model").because(cause)
    } else {
        not_found().because(cause)
    }
}

/// Whether the version that is named is there, or any where none is.
fn is_there(model: &Model, pinned: Option<&Version>, is_visible: impl Fn(&Version) -> bool) -> bool {
    match pinned {
        Some(version) => is_visible(version),
        None => model.versions.iter().any(|version| is_visible(version)),
    }
}

impl Permit {
    fn holds(&self, model: &Model, version: &Version) -> bool {
        match self {
            Self::All => true,
            Self::Some(decision) => model.place(version).is_some_and(|place| decision.versions.contains(place)),
        }
    }
}

impl<'a> Permitted<'a> {
    /// The versions that may answer, in the configuration's order.
    pub(super) fn versions(&self) -> impl Iterator<Item = &'a Version> {
        let model = self.named.model();
        model.versions.iter().map(|version| &**version).filter(|version| self.permit.holds(model, version))
    }

    /// Whether `version` may answer.
    pub(super) fn holds(&self, version: &Version) -> bool {
        self.permit.holds(self.named.model(), version)
    }

    /// How the rules refuse it, where they are merely observed.
    pub(super) const fn would_refuse(&self) -> Option<Kind> {
        self.would_refuse
    }

    /// The request, whose version was chosen.
    pub(super) fn into_named(self) -> NamedModel<'a> {
        self.named
    }
}

impl<'a> Deref for Permitted<'a> {
    type Target = NamedModel<'a>;

    fn deref(&self) -> &NamedModel<'a> {
        &self.named
    }
}

impl DerefMut for Permitted<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.named
    }
}
