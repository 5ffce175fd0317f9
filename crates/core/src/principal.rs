//! Who calls: the one shape in which every way of identifying oneself ends, and which policy, limits and records read.

use std::sync::Arc;

use crate::operation::{Operation, OperationSet};

/// The id of those that do not identify themselves.
const ANONYMOUS: &str = "anonymous";

/// A caller whose identity is settled. Made by whoever verified the credential, and shared by all requests that present it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The name in records, policies and limits, with the kind in front (`key:scoring-batch`); of anonymous callers
    /// `anonymous`. No credential and no part of one.
    pub id: Arc<str>,
    /// How it identified itself.
    pub kind: PrincipalKind,
    /// The tenant it belongs to; `None` as long as none is known.
    pub tenant: Option<Arc<str>>,
    /// The groups it is in, sorted, each once.
    pub groups: Arc<[Arc<str>]>,
    /// What it may be used for at most, whatever policies say.
    pub scopes: OperationSet,
    /// The models it may be used for at most, sorted; `None`: any.
    pub models: Option<Arc<[Arc<str>]>>,
    /// What its calls are for, sorted. Bound to the credential: a caller cannot say it.
    pub purposes: Arc<[Arc<str>]>,
}

/// Who made a request, as far as that is settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// Nobody has looked yet, or the credential was refused.
    #[default]
    Unsettled,
    /// Somebody who does not say, where that is enough.
    Anonymous,
    /// A principal, by its credential.
    Known(Arc<Principal>),
}

/// A way in which callers identify themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// Not at all.
    Anonymous,
    /// By an API key.
    Key,
    /// By a token of an OpenID Connect issuer.
    Oidc,
}

impl Principal {
    /// A caller that does not say who it is.
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            id: Arc::from(ANONYMOUS),
            kind: PrincipalKind::Anonymous,
            tenant: None,
            groups: Arc::default(),
            scopes: OperationSet::ALL,
            models: None,
            purposes: Arc::default(),
        }
    }

    /// Whether its credential reaches to `operation` on `model`; whether it is permitted is the policies' matter.
    #[must_use]
    pub fn reaches(&self, operation: Operation, model: &str) -> bool {
        let named = |models: &Arc<[Arc<str>]>| models.binary_search_by(|name| (**name).cmp(model)).is_ok();
        self.scopes.contains(operation) && self.models.as_ref().is_none_or(named)
    }
}

impl Identity {
    /// The principal's id; `anonymous`; empty while it is not settled.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Unsettled => "",
            Self::Anonymous => ANONYMOUS,
            Self::Known(principal) => &principal.id,
        }
    }

    /// The principal's tenant.
    #[must_use]
    pub fn tenant(&self) -> Option<&Arc<str>> {
        match self {
            Self::Unsettled | Self::Anonymous => None,
            Self::Known(principal) => principal.tenant.as_ref(),
        }
    }
}

impl PrincipalKind {
    /// The name in logs, policies and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => ANONYMOUS,
            Self::Key => "key",
            Self::Oidc => "oidc",
        }
    }
}
