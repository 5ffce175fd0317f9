//! Rules and principals, in short.

use std::sync::Arc;

use sluicegate_core::{OperationSet, Principal, PrincipalKind, Span};
use sluicegate_rules::{Access, Effect, Policies, Who};

pub(crate) fn names(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().copied().map(Arc::from).collect()
}

/// Lets `who` do everything with all versions.
pub(crate) fn allow(who: Who) -> Access {
    let span = Span { file: Arc::from("test.yaml"), line: 1, column: 1 };
    Access { effect: Effect::Permit, who, versions: None, operations: OperationSet::ALL, span }
}

pub(crate) fn caller(id: &str, tenant: Option<&str>, groups: &[&str]) -> Principal {
    Principal {
        id: Arc::from(id),
        kind: PrincipalKind::Key,
        tenant: tenant.map(Arc::from),
        groups: names(groups).into(),
        ..Principal::anonymous()
    }
}

/// The policies of a model `m` of the versions `1`, `2` and `3`.
pub(crate) fn policies(rules: &[Access]) -> Policies {
    Policies::new("m", &names(&["1", "2", "3"]), rules).unwrap()
}
