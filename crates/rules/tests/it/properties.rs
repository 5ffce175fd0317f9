//! Random lists of rules beside an evaluator that knows nothing of Cedar, slices or what is remembered.

use std::sync::Arc;

use cedar_policy::{ValidationMode, Validator};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use sluicegate_core::{Operation, OperationSet, Principal, PrincipalKind};
use sluicegate_rules::{Access, Effect, Policies, Who, schema};

use crate::support::{allow, names, policies};

/// Few names, so that they meet; and one of each kind that is the same.
const NAMES: [&str; 4] = ["a", "b", "key:a", "anonymous"];
const VERSIONS: [&str; 3] = ["1", "2", "3"];
const GATEWAY: [Operation; 4] =
    [Operation::ServerLive, Operation::ServerReady, Operation::ServerMetadata, Operation::Reflect];

fn name() -> impl Strategy<Value = Arc<str>> {
    select(&NAMES[..]).prop_map(Arc::from)
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![
        Just(Who::Everyone),
        name().prop_map(Who::Tenant),
        name().prop_map(Who::Group),
        name().prop_map(Who::Principal),
    ]
}

fn rule() -> impl Strategy<Value = Access> {
    let effect = prop_oneof![4 => Just(Effect::Permit), 1 => Just(Effect::Forbid)];
    let versions = proptest::option::of(subsequence(VERSIONS.to_vec(), 1..=3).prop_map(|some| names(&some)));
    let operations = subsequence(Operation::ALL.to_vec(), 1..=19)
        .prop_map(|some| some.into_iter().map(OperationSet::of).fold(OperationSet::NONE, OperationSet::union));
    (effect, who(), versions, operations).prop_map(|(effect, who, versions, operations)| Access {
        effect,
        versions,
        operations,
        ..allow(who)
    })
}

fn principal() -> impl Strategy<Value = Principal> {
    let known =
        (name(), proptest::option::of(name()), subsequence(NAMES.to_vec(), 0..=3)).prop_map(|(id, tenant, groups)| {
            Principal { id, kind: PrincipalKind::Key, tenant, groups: names(&groups).into(), ..Principal::anonymous() }
        });
    prop_oneof![1 => Just(Principal::anonymous()), 4 => known]
}

/// What the words of the rules say, read one by one.
fn expected(rules: &[Access], principal: &Principal, operation: Operation, version: &str) -> bool {
    let is_about = |rule: &&Access| {
        let who = match &rule.who {
            Who::Everyone => principal.kind != PrincipalKind::Anonymous,
            Who::Tenant(name) => principal.tenant.as_ref() == Some(name),
            Who::Group(name) => principal.groups.iter().any(|group| group == name),
            Who::Principal(id) => principal.id == *id,
        };
        let version = rule.versions.as_ref().is_none_or(|some| some.iter().any(|name| **name == *version));
        who && version && rule.operations.contains(operation) && !GATEWAY.contains(&operation)
    };
    let has = |effect: Effect| rules.iter().filter(is_about).any(|rule| rule.effect == effect);
    has(Effect::Permit) && !has(Effect::Forbid)
}

fn check(policies: &Policies, rules: &[Access], principal: &Principal) -> Result<(), TestCaseError> {
    let reach = policies.reach(principal);
    for operation in Operation::ALL {
        // The second is remembered.
        for _ in 0..2 {
            let decision = policies.decide(principal, operation);
            for (place, version) in VERSIONS.into_iter().enumerate() {
                let may = expected(rules, principal, operation, version);
                prop_assert_eq!(
                    decision.versions.contains(place),
                    may,
                    "{:?} {} {}",
                    principal,
                    operation.as_str(),
                    version
                );
                prop_assert_eq!(
                    reach[place].contains(operation),
                    may,
                    "{:?} {} {}",
                    principal,
                    operation.as_str(),
                    version
                );
            }
            prop_assert!(decision.rules.iter().all(|place| rules[*place].operations.contains(operation)));
        }
    }
    Ok(())
}

proptest! {
    // Each case is 3 principals, 19 operations and 3 versions: 171 decisions, each made twice.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn decisions_are_what_the_rules_say(
        rules in proptest::collection::vec(rule(), 0..8),
        principals in proptest::collection::vec(principal(), 3),
    ) {
        let policies = policies(&rules);
        for principal in &principals {
            check(&policies, &rules, principal)?;
        }
    }

    #[test]
    fn every_policy_fits_the_schema(rules in proptest::collection::vec(rule(), 1..4)) {
        let policies = policies(&rules);
        let checked = Validator::new(schema().unwrap()).validate(&policies.set().unwrap(), ValidationMode::Strict);
        // A rule about the gateway's own operations alone is about nothing: that it never applies is said, and right.
        let empty = rules.iter().any(|rule| rule.operations.iter().all(|operation| GATEWAY.contains(&operation)));
        prop_assert!(empty || checked.validation_passed(), "{checked}");
    }
}
