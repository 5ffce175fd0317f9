//! Tenants, and how rules find them.

use std::collections::HashSet;
use std::sync::Arc;

use sluicegate_core::Node;

use super::did_you_mean;
use crate::mistakes::Mistakes;
use crate::table::MAX_TENANTS;
use crate::{Tenant, names};

/// The names of all tenants.
pub(super) struct Known<'a>(HashSet<&'a str>, &'a [Tenant]);

/// The tenants of the root file.
pub(super) fn tenants(root: &Node, mistakes: &mut Mistakes) -> Vec<Tenant> {
    let entries = root.get("tenants").map(Node::entries).unwrap_or_default();
    if let Some((_, span, _)) = entries.get(MAX_TENANTS) {
        mistakes.at(span, format!("more than {MAX_TENANTS} tenants"));
    }
    let mut tenants = Vec::new();
    for (name, span, node) in entries.iter().take(MAX_TENANTS) {
        if name == names::EVERYONE {
            let help = "in `access` the word stands for every caller that is identified";
            mistakes.helped(span, "no tenant can be called `everyone`", help);
        }
        let description = node.get("description").and_then(Node::text).map(Arc::from);
        tenants.push(Tenant { name: name.as_str().into(), description, span: span.clone() });
    }
    tenants
}

impl<'a> Known<'a> {
    pub(super) fn of(tenants: &'a [Tenant]) -> Self {
        Self(tenants.iter().map(|tenant| &*tenant.name).collect(), tenants)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// What to write instead of a name that is none of a tenant.
    pub(super) fn instead_of(&self, name: &str, mistakes: &mut Mistakes) -> String {
        // Whoever mistypes `everyone` means no tenant.
        let words = || self.1.iter().map(|tenant| &*tenant.name);
        match sluicegate_core::suggest(name, [names::EVERYONE]) {
            Some(word) => format!("did you mean `{word}`?"),
            None => mistakes.suggestion(self.0.len(), || did_you_mean(name, words())),
        }
    }
}
