//! Each kind of rule, and names that try to be more than names.

use std::sync::Arc;

use cedar_policy::{ValidationMode, Validator};
use sluicegate_core::{Operation, OperationSet, Principal};
use sluicegate_rules::{Access, Effect, Policies, Who, schema};

use crate::support::{allow, caller, names, policies};

fn permitted(policies: &Policies, principal: &Principal, operation: Operation) -> Vec<usize> {
    policies.decide(principal, operation).versions.iter().collect()
}

#[test]
fn nobody_may_anything_without_a_rule() {
    let none = policies(&[]);
    for principal in [Principal::anonymous(), caller("key:a", Some("t"), &["g"])] {
        for operation in Operation::ALL {
            assert_eq!(permitted(&none, &principal, operation), [0; 0]);
        }
        assert!(none.reach(&principal).iter().all(|reach| *reach == OperationSet::NONE));
    }
}

#[test]
fn everyone_is_every_caller_that_is_identified() {
    let everyone = policies(&[allow(Who::Everyone)]);
    assert_eq!(permitted(&everyone, &caller("key:a", None, &[]), Operation::Infer), [0, 1, 2]);
    assert_eq!(permitted(&everyone, &Principal::anonymous(), Operation::Infer), [0; 0]);
    let anonymous = policies(&[allow(Who::Principal(Arc::from("anonymous")))]);
    assert_eq!(permitted(&anonymous, &Principal::anonymous(), Operation::Infer), [0, 1, 2]);
    assert_eq!(permitted(&anonymous, &caller("key:a", None, &[]), Operation::Infer), [0; 0]);
}

#[test]
fn tenants_groups_and_principals_are_told_apart_also_by_one_name() {
    let name = Arc::from("same");
    for (who, tenant, group, id) in [
        (Who::Tenant(Arc::clone(&name)), true, false, false),
        (Who::Group(Arc::clone(&name)), false, true, false),
        (Who::Principal(Arc::clone(&name)), false, false, true),
    ] {
        let policies = policies(&[allow(who)]);
        let may = |principal: &Principal| !permitted(&policies, principal, Operation::Chat).is_empty();
        assert_eq!(may(&caller("key:a", Some("same"), &[])), tenant);
        assert_eq!(may(&caller("key:a", None, &["other", "same"])), group);
        assert_eq!(may(&caller("same", None, &[])), id);
    }
}

#[test]
fn versions_and_operations_bound_a_rule_and_what_forbids_wins() {
    let read = OperationSet::named("read").unwrap();
    let rules = [
        Access { versions: Some(names(&["2", "3"])), ..allow(Who::Everyone) },
        Access { operations: read, ..allow(Who::Group(Arc::from("readers"))) },
        Access { effect: Effect::Forbid, versions: Some(names(&["3"])), ..allow(Who::Tenant(Arc::from("t"))) },
    ];
    let policies = policies(&rules);
    let reader = caller("key:a", Some("t"), &["readers"]);
    assert_eq!(permitted(&policies, &reader, Operation::Infer), [1]);
    assert_eq!(permitted(&policies, &reader, Operation::Metadata), [0, 1]);
    assert_eq!(*policies.decide(&reader, Operation::Metadata).rules, [0, 1, 2]);
    let reach = policies.reach(&reader);
    assert!(reach[0].contains(Operation::Metadata) && !reach[0].contains(Operation::Infer));
    assert!(reach[1].contains(Operation::Infer) && reach[1].contains(Operation::Manage));
    assert_eq!(reach[2], OperationSet::NONE);
}

#[test]
fn what_is_asked_of_the_gateway_itself_is_no_models_rule() {
    let all = policies(&[allow(Who::Everyone)]);
    assert_eq!(permitted(&all, &caller("key:a", None, &[]), Operation::ServerLive), [0; 0]);
}

const HOSTILE: [&str; 7] =
    ["\"", "\"); permit(principal, action, resource);//", "a\\", "\\\"", "*", "${x}\n", "Principal::\"key:a\""];

/// They end no string, and begin no other rule.
#[test]
fn names_are_names_whatever_stands_in_them() {
    let schema = Validator::new(schema().unwrap());
    for name in HOSTILE {
        let name: Arc<str> = Arc::from(name);
        for who in [Who::Tenant(Arc::clone(&name)), Who::Group(Arc::clone(&name)), Who::Principal(Arc::clone(&name))] {
            let rule = Access { versions: Some(vec![Arc::clone(&name)]), ..allow(who) };
            let policies = Policies::new(&name, &[Arc::from("1"), Arc::clone(&name)], &[rule]).unwrap();
            assert_eq!(permitted(&policies, &caller("key:a", Some("t"), &["g"]), Operation::Infer), [0; 0], "{name}");
            assert_eq!(permitted(&policies, &caller(&name, Some(&name), &[&name]), Operation::Infer), [1], "{name}");
            // What people are shown is the same policy.
            let shown: cedar_policy::PolicySet = policies.cedar().parse().unwrap();
            assert_eq!(shown.policies().count(), 1, "{}", policies.cedar());
            let checked = schema.validate(&policies.set().unwrap(), ValidationMode::Strict);
            assert!(checked.validation_passed(), "{checked}");
        }
    }
}

#[test]
fn a_thousand_versions_are_told_apart() {
    let versions: Vec<Arc<str>> = (0..1000).map(|number| number.to_string().into()).collect();
    let odd = versions.iter().skip(1).step_by(2).cloned().collect();
    let rules = [Access { versions: Some(odd), ..allow(Who::Everyone) }];
    let policies = Policies::new("m", &versions, &rules).unwrap();
    let expected: Vec<usize> = (1..1000).step_by(2).collect();
    assert_eq!(permitted(&policies, &caller("key:a", None, &[]), Operation::Infer), expected);
    assert_eq!(policies.decide(&caller("key:a", None, &[]), Operation::Infer).versions.first(), Some(1));
}
