//! A model's access rules, as they are configured, as the policies that decide about requests for it. It must not know who
//! asks, or what follows from a decision.

use std::sync::Arc;

use sluicegate_config::{AccessRule, Effect, Model, Who};
use sluicegate_rules::{Access, Policies, Unsound};

/// The policies of `model`; `None` where it has no `access`: then it is for anonymous callers only.
///
/// # Errors
/// A rule cannot become a policy.
pub fn policies(model: &Model) -> Result<Option<Policies>, Unsound> {
    let Some(rules) = &model.access else { return Ok(None) };
    let versions: Vec<Arc<str>> = model.versions.iter().map(|version| Arc::clone(&version.name)).collect();
    let rules: Vec<Access> = rules.iter().map(access).collect();
    Policies::new(&model.name, &versions, &rules).map(Some)
}

fn access(rule: &AccessRule) -> Access {
    Access {
        effect: match rule.effect {
            Effect::Allow => sluicegate_rules::Effect::Permit,
            Effect::Deny => sluicegate_rules::Effect::Forbid,
        },
        who: match &rule.who {
            Who::Everyone => sluicegate_rules::Who::Everyone,
            Who::Tenant(name) => sluicegate_rules::Who::Tenant(Arc::clone(name)),
            Who::Group(name) => sluicegate_rules::Who::Group(Arc::clone(name)),
            Who::Principal(id) => sluicegate_rules::Who::Principal(Arc::clone(id)),
        },
        versions: rule.versions.clone(),
        operations: rule.operations,
        span: rule.span.clone(),
    }
}

#[cfg(test)]
mod tests;
