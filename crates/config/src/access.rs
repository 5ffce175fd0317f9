//! Who may do what with a model, as it is configured. It must not know how that is decided.

use std::sync::Arc;

use sluicegate_core::{OperationSet, Span};

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its name: 1 to 64 characters of `a-z`, `0-9`, `.`, `_`, `-`; never `everyone`.
    pub name: Arc<str>,
    /// What it is, for people.
    pub description: Option<Arc<str>>,
    /// Where its name stands.
    pub span: Span,
}

/// A rule of a model's `access`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRule {
    /// What it does.
    pub effect: Effect,
    /// Whom it is about.
    pub who: Who,
    /// The names of the versions it is about, which are among the model's; `None`: all, also those to come.
    pub versions: Option<Vec<Arc<str>>>,
    /// What it is about.
    pub operations: OperationSet,
    /// Where it stands.
    pub span: Span,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It lets.
    Allow,
    /// It keeps from, whatever others let.
    Deny,
}

/// What becomes of what a model's rules refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PolicyMode {
    /// It is refused.
    #[default]
    Enforce,
    /// It is served, and told as what would have been refused.
    Observe,
}

/// Whom a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Every caller that is identified.
    Everyone,
    /// The members of a tenant, which is among [`crate::Resolved::tenants`].
    Tenant(Arc<str>),
    /// Those in a group.
    Group(Arc<str>),
    /// One caller, by its principal's id.
    Principal(Arc<str>),
}
