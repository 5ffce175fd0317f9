//! An access rule, as configuration says it.

use std::sync::Arc;

use sluicegate_core::{OperationSet, Span};

/// Some may do something with a model, or must not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Whether it lets or keeps from. What is kept from wins over all that lets.
    pub effect: Effect,
    /// Whom it is about.
    pub who: Who,
    /// The versions it is about, by the names clients use; `None`: all, also those to come.
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
    Permit,
    /// It keeps from.
    Forbid,
}

/// Whom a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Every caller that identified itself.
    Everyone,
    /// The members of a tenant.
    Tenant(Arc<str>),
    /// The members of a group.
    Group(Arc<str>),
    /// One caller, by its principal's id; `anonymous`: those that do not identify themselves.
    Principal(Arc<str>),
}

impl std::fmt::Display for Who {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Everyone => formatter.write_str("everyone"),
            Self::Tenant(name) => write!(formatter, "tenant {name}"),
            Self::Group(name) => write!(formatter, "group {name}"),
            Self::Principal(id) => write!(formatter, "principal {id}"),
        }
    }
}
