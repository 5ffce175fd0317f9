//! The policies of one model, and what they decide.

use std::sync::Arc;

use cedar_policy::{Authorizer, Context, Decision as Verdict, Entities, Entity, EntityUid, Policy, PolicySet, Request};
use sluicegate_core::{Operation, OperationSet, Principal};

use crate::remembered::Remembered;
use crate::schema::on_models;
use crate::slices::{Class, Slices};
use crate::{Access, Decision, Unsound, VersionSet, cedar};

/// Versions whose sets take the usual room in memory.
const USUAL: usize = 64;

/// A model's access rules as Cedar policies. What none of them permits is denied; what one forbids is denied whatever
/// others permit; where a policy cannot be evaluated all is denied.
pub struct Policies {
    rules: Vec<Access>,
    policies: Vec<Policy>,
    /// The model's versions, in the configuration's order.
    versions: Vec<Entity>,
    slices: Slices,
    decisions: Remembered<Arc<Decision>>,
    /// What may be done with each version by any operation.
    reaches: Remembered<Arc<[OperationSet]>>,
}

impl Policies {
    /// The policies of `model`, whose `versions` stand in the configuration's order.
    ///
    /// # Errors
    /// A rule cannot become a policy.
    pub fn new(model: &str, versions: &[Arc<str>], rules: &[Access]) -> Result<Self, Unsound> {
        let policy = |(place, rule)| cedar::policy(place, rule, model);
        let weight = versions.len().div_ceil(USUAL);
        Ok(Self {
            policies: rules.iter().enumerate().map(policy).collect::<Result<_, _>>()?,
            versions: versions.iter().map(|name| cedar::version(model, name)).collect::<Result<_, _>>()?,
            slices: Slices::of(rules, versions),
            rules: rules.to_vec(),
            decisions: Remembered::weighing(weight),
            reaches: Remembered::weighing(weight.saturating_mul(4)),
        })
    }

    /// The rules, in the order in which decisions number them.
    #[must_use]
    pub fn rules(&self) -> &[Access] {
        &self.rules
    }

    /// The policies in Cedar's own words.
    #[must_use]
    pub fn cedar(&self) -> String {
        self.policies.iter().filter_map(Policy::to_cedar).collect::<Vec<_>>().join("\n")
    }

    /// The policies as a set, for whoever checks them against the schema.
    ///
    /// # Errors
    /// Two have one id: a mistake of this room.
    pub fn set(&self) -> Result<PolicySet, Unsound> {
        PolicySet::from_policies(self.policies.iter().cloned()).map_err(|error| Unsound(error.to_string()))
    }

    /// What `principal` may do by `operation`. How far its credential reaches is not looked at.
    #[must_use]
    pub fn decide(&self, principal: &Principal, operation: Operation) -> Arc<Decision> {
        self.decisions.get_or(principal, Some(operation), || Arc::new(self.evaluate(principal, operation)))
    }

    /// By which operations `principal` may use each version, in the configuration's order.
    #[must_use]
    pub fn reach(&self, principal: &Principal) -> Arc<[OperationSet]> {
        self.reaches.get_or(principal, None, || self.all(principal).into())
    }

    /// Operations with the same rules are decided alike: one of them is asked about.
    fn all(&self, principal: &Principal) -> Vec<OperationSet> {
        let mut reach = vec![OperationSet::NONE; self.versions.len()];
        let mut done: Vec<(usize, VersionSet)> = Vec::new();
        for operation in on_models() {
            let Some(place) = self.slices.place(operation) else { continue };
            if done.iter().all(|(known, _)| *known != place) {
                done.push((place, self.evaluate(principal, operation).versions));
            }
            let Some((_, versions)) = done.iter().find(|(known, _)| *known == place) else { continue };
            let permitted = reach.iter_mut().enumerate().filter(|(at, _)| versions.contains(*at));
            permitted.for_each(|(_, set)| *set = set.union(OperationSet::of(operation)));
        }
        reach
    }

    fn evaluate(&self, principal: &Principal, operation: Operation) -> Decision {
        let mut decision = Decision::default();
        let mut rules = Vec::new();
        let Some(slice) = self.slices.about(operation) else { return decision };
        for class in &slice.classes {
            // Whatever goes wrong, goes wrong closed.
            let Ok(Some((permitted, decided))) = self.ask(principal, operation, class) else { continue };
            rules.extend(decided);
            if permitted {
                decision.versions.join(&class.versions);
            }
        }
        rules.sort_unstable();
        rules.dedup();
        decision.rules = rules.into();
        decision
    }

    /// Asks Cedar about one version of the class; `None` where no rule is about the principal.
    fn ask(
        &self,
        principal: &Principal,
        operation: Operation,
        class: &Class,
    ) -> Result<Option<(bool, Vec<usize>)>, Unsound> {
        let about = class.about(principal);
        let Some(version) = self.versions.get(class.example).filter(|_| !about.is_empty()) else { return Ok(None) };
        let policies = about.iter().filter_map(|place| self.policies.get(*place).cloned());
        let policies = PolicySet::from_policies(policies).map_err(unsound)?;
        let caller = cedar::principal(principal)?;
        let (who, what): (EntityUid, EntityUid) = (caller.uid(), version.uid());
        let entities = Entities::from_entities([caller, version.clone()], None).map_err(unsound)?;
        let request = Request::new(who, cedar::action(operation)?, what, Context::empty(), None).map_err(unsound)?;
        let response = Authorizer::new().is_authorized(&request, &policies, &entities);
        // Cedar leaves out a policy that it cannot evaluate, also one that forbids.
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(unsound(error));
        }
        let decided = response.diagnostics().reason().filter_map(|id| AsRef::<str>::as_ref(id).parse().ok()).collect();
        Ok(Some((response.decision() == Verdict::Allow, decided)))
    }
}

impl std::fmt::Debug for Policies {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Policies").field("rules", &self.rules).finish_non_exhaustive()
    }
}

fn unsound(error: impl std::fmt::Display) -> Unsound {
    Unsound(error.to_string())
}

#[cfg(test)]
mod tests;
