//! Each word of a configured rule means the same as a policy.

use std::sync::Arc;
use std::time::Duration;

use sluicegate_config::{AccessRule, Effect, Model, PolicyMode, Priority, StreamTimes, Version, Who};
use sluicegate_core::{BackendModel, NonFinite, Operation, OperationSet, Principal, PrincipalKind, Span};

use super::policies;

fn span(line: u32) -> Span {
    Span { file: Arc::from("g.yaml"), line, column: 1 }
}

/// A model of the versions `1` and `2`.
fn model(access: Option<Vec<AccessRule>>) -> Model {
    let version = |name: &str| Version {
        name: Arc::from(name),
        backend: Arc::from("b"),
        model: BackendModel { name: Arc::from("m"), version: None },
        source: None,
        span: span(1),
    };
    Model {
        name: Arc::from("m"),
        owner: None,
        versions: vec![version("1"), version("2")],
        stable: 0,
        timeout: Duration::from_secs(1),
        priority: Priority::Normal,
        stream: StreamTimes { idle: Duration::from_secs(1), total: Duration::from_secs(1) },
        non_finite: NonFinite::Token,
        access,
        policy: PolicyMode::Enforce,
        span: span(1),
    }
}

fn rule(line: u32, effect: Effect, who: Who, versions: Option<&[&str]>, operations: &str) -> AccessRule {
    AccessRule {
        effect,
        who,
        versions: versions.map(|names| names.iter().copied().map(Arc::from).collect()),
        operations: OperationSet::named(operations).unwrap(),
        span: span(line),
    }
}

fn caller(id: &str, tenant: &str, group: &str) -> Principal {
    Principal {
        id: Arc::from(id),
        kind: PrincipalKind::Key,
        tenant: Some(Arc::from(tenant)),
        groups: Arc::from([Arc::from(group)]),
        ..Principal::anonymous()
    }
}

#[test]
fn a_model_without_access_has_no_policies_and_one_with_an_empty_list_lets_nobody() {
    assert!(policies(&model(None)).unwrap().is_none());
    let nobody = policies(&model(Some(Vec::new()))).unwrap().unwrap();
    assert!(nobody.decide(&caller("key:a", "t", "g"), Operation::Infer).versions.is_empty());
}

#[test]
fn what_is_configured_is_what_is_decided_and_each_rule_keeps_its_place() {
    let rules = vec![
        rule(3, Effect::Allow, Who::Everyone, Some(&["2"]), "read"),
        rule(4, Effect::Allow, Who::Tenant(Arc::from("t")), None, "run"),
        rule(5, Effect::Allow, Who::Principal(Arc::from("key:ops")), None, "manage"),
        rule(6, Effect::Deny, Who::Group(Arc::from("interns")), Some(&["1"]), "run"),
    ];
    let policies = policies(&model(Some(rules))).unwrap().unwrap();
    for (who, operation, versions, lines) in [
        (caller("key:a", "other", "g"), Operation::Metadata, &[1][..], &[3][..]),
        (caller("key:a", "other", "g"), Operation::Infer, &[], &[]),
        (caller("key:a", "t", "g"), Operation::Infer, &[0, 1], &[4]),
        (caller("key:a", "t", "interns"), Operation::Infer, &[1], &[4, 6]),
        (caller("key:a", "t", "g"), Operation::Manage, &[], &[]),
        (caller("key:ops", "other", "g"), Operation::Manage, &[0, 1], &[5]),
        (Principal::anonymous(), Operation::Metadata, &[], &[]),
    ] {
        let decision = policies.decide(&who, operation);
        assert_eq!(decision.versions.iter().collect::<Vec<_>>(), versions, "{who:?} {operation:?}");
        let decided = decision.rules.iter().map(|place| policies.rules()[*place].span.line);
        assert_eq!(decided.collect::<Vec<_>>(), lines, "{who:?} {operation:?}");
    }
}
