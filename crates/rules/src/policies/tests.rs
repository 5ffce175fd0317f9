//! What cannot be evaluated denies. No access rule comes to that: here a policy is put in the place of one.

use std::sync::Arc;

use cedar_policy::{Policy, PolicyId};
use sluicegate_core::{Operation, OperationSet, Principal, PrincipalKind, Span};

use super::Policies;
use crate::{Access, Effect, Who};

/// Lets everyone use both versions, but for what the policy of `text` says of the second.
fn policies(text: &str) -> Policies {
    let rule = |effect, versions: Option<&str>| Access {
        effect,
        who: Who::Everyone,
        versions: versions.map(|name| vec![Arc::from(name)]),
        operations: OperationSet::ALL,
        span: Span { file: Arc::from("test.yaml"), line: 1, column: 1 },
    };
    let rules = [rule(Effect::Permit, None), rule(Effect::Forbid, Some("2"))];
    let mut policies = Policies::new("m", &[Arc::from("1"), Arc::from("2")], &rules).unwrap();
    policies.policies[1] = Policy::parse(Some(PolicyId::new("1")), text).unwrap();
    policies
}

fn permitted(policies: &Policies) -> Vec<usize> {
    let caller = Principal { id: Arc::from("key:a"), kind: PrincipalKind::Key, ..Principal::anonymous() };
    let decided: Vec<usize> = policies.decide(&caller, Operation::Infer).versions.iter().collect();
    let reached: Vec<usize> = (0..2).filter(|at| policies.reach(&caller)[*at].contains(Operation::Infer)).collect();
    assert_eq!(decided, reached);
    decided
}

/// Cedar alone leaves out a policy that it cannot evaluate, and the other one would permit.
#[test]
fn a_policy_that_cannot_be_evaluated_denies_what_it_is_about() {
    for lacking in [
        "forbid(principal, action, resource) when { principal.clearance < 3 };",
        "permit(principal, action, resource) when { principal.clearance < 3 };",
        "forbid(principal, action, resource) unless { context.address == \"here\" };",
        "forbid(principal, action, resource) when { resource.name < 3 };",
    ] {
        assert_eq!(permitted(&policies(lacking)), [0], "{lacking}");
    }
    // It is the fault that denies: policies of the same form that can be evaluated do not apply, and deny nothing.
    for sound in [
        "forbid(principal, action, resource) when { principal has clearance && principal.clearance < 3 };",
        "forbid(principal, action, resource) unless { resource.name == \"2\" };",
    ] {
        assert_eq!(permitted(&policies(sound)), [0, 1], "{sound}");
    }
}
