//! What a decision costs: one that was made before, and one that is made.
//!
//! ```text
//! cargo bench -p sluicegate-rules --bench decisions
//! ```

#![allow(clippy::unwrap_used, reason = "a measurement of rules it made itself")]

use std::alloc::System;
use std::sync::Arc;

use sluicegate_core::{Operation, OperationSet, Principal, PrincipalKind, Span};
use sluicegate_rules::{Access, Effect, Policies, Who};
use sluicegate_testkit::Stages;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Rules of the model, each about another tenant.
const RULES: usize = 100;

fn main() {
    let mut stages = Stages::of("rules", || {
        let made = ALLOCATOR.stats();
        made.allocations + made.reallocations
    });
    let versions = [Arc::from("1"), Arc::from("2")];
    let policies = Policies::new("m", &versions, &rules()).unwrap();
    let (member, stranger) = (caller("key:member", "tenant-50"), caller("key:stranger", "nobody"));
    let decide = |principal: &Principal| policies.decide(principal, Operation::Infer);
    stages.stage("decide: permitted, made before", 0, || (), |()| decide(&member));
    stages.stage("decide: denied, made before", 0, || (), |()| decide(&stranger));
    let mut number = 0;
    let another = || {
        number += 1;
        caller(&format!("key:{number}"), "tenant-50")
    };
    stages.stage("decide: permitted by one of 100 rules", MADE, another, |principal| decide(&principal));
    stages.finish();
}

/// What one evaluation of Cedar's may allocate.
const MADE: usize = 123;

fn rules() -> Vec<Access> {
    let span = Span { file: Arc::from("gateway.yaml"), line: 1, column: 1 };
    let tenant = |number| Who::Tenant(format!("tenant-{number}").into());
    let rule = |number| Access {
        effect: Effect::Permit,
        who: tenant(number),
        versions: None,
        operations: OperationSet::ALL,
        span: span.clone(),
    };
    (0..RULES).map(rule).collect()
}

fn caller(id: &str, tenant: &str) -> Principal {
    Principal { id: id.into(), kind: PrincipalKind::Key, tenant: Some(tenant.into()), ..Principal::anonymous() }
}
