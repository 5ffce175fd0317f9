//! Limits as the rest of the gateway reads them. It must not know how configuration is written, nor how use is counted.

use std::num::NonZeroU64;
use std::sync::Arc;

use sluicegate_core::Span;
use sluicegate_core::limits::Quota;

/// A limit.
#[derive(Clone, Debug)]
pub struct Limit {
    /// What it is called; no two alike.
    pub name: Arc<str>,
    /// What it counts, in words: limits of an equal fingerprint count the same, however much they allow.
    pub fingerprint: Arc<str>,
    /// Whose requests it is for.
    pub select: Select,
    /// What has a counter of its own, each once and sorted.
    pub per: Vec<Per>,
    /// How many requests may be made.
    pub requests: Option<Quota>,
    /// How many may be under way at once.
    pub concurrency: Option<NonZeroU64>,
    /// What becomes of what is too much.
    pub mode: LimitMode,
    /// Where it stands.
    pub span: Span,
}

/// Whose requests a limit is for: those that all of this is true of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Select {
    /// The caller's tenant.
    pub tenant: Option<Arc<str>>,
    /// A group that the caller is in.
    pub group: Option<Arc<str>>,
    /// The caller's id.
    pub principal: Option<Arc<str>>,
    /// The listener.
    pub listener: Option<Arc<str>>,
    /// The model is one of these, sorted and each once; `None`: any, or none.
    pub models: Option<Vec<Arc<str>>>,
}

/// What can have a counter of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Per {
    /// Each tenant.
    Tenant,
    /// Each caller.
    Principal,
    /// Each client address.
    Address,
    /// Each model.
    Model,
    /// Each listener.
    Listener,
}

/// What becomes of what is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitMode {
    /// It is refused.
    Enforce,
    /// It is served and counted.
    Observe,
}

impl LimitMode {
    /// The word in configuration and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
        }
    }
}
