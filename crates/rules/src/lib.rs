//! Who may do what: access rules become Cedar policies, and these decide about a principal, an operation and a model.
//!
//! Pure: facts in, decision out. It must not know how configuration is written, what a request looks like on the wire, or
//! what follows from a decision.

mod access;
mod cedar;
mod decision;
mod policies;
mod remembered;
mod schema;
mod slices;

pub use access::{Access, Effect, Who};
pub use decision::{Decision, VersionSet};
pub use policies::Policies;
pub use schema::schema;

/// A rule that cannot become a policy. Never of a client's making: rules come from the configuration alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unsound(pub(crate) String);
