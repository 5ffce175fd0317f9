//! What it costs to let a request by: the caller's key is found, the rules of the model decide, and the limits it falls under
//! give what it takes. Each of them is another room's; the flow only hands on from one to the next.
//!
//! ```text
//! cargo bench -p sluicegate --bench stages
//! ```

#![allow(clippy::unwrap_used, reason = "a measurement of what it made itself")]

use std::alloc::System;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use sluicegate_adapters::identity::api_key::{ApiKeys, PepperSource, Vault};
use sluicegate_adapters::limits::memory::{ENTRIES, Memory};
use sluicegate_adapters::store::sqlite::Sqlite;
use sluicegate_core::limits::{Claim, Counters, Limit, Limiter as _, Part, Quota, Rate, Subject};
use sluicegate_core::{Cause, Clock as _, Grant, Keys as _, Operation, OperationSet, Principal, Span};
use sluicegate_rules::{Access, Effect, Policies, Who};
use sluicegate_testkit::{FakeClock, Stages};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let mut stages = Stages::of("sluicegate", || {
        let made = ALLOCATOR.stats();
        made.allocations + made.reallocations
    });
    let (keys, key) = keys();
    let_by(&mut stages, &keys, &key);
    stages.finish();
}

/// A request is let by: whose key it is, what the 100 rules of one model say to it, and three limits that it takes from. The
/// key's own tenant is named by the last rule.
fn let_by(stages: &mut Stages, keys: &ApiKeys, key: &str) {
    let policies = Policies::new("credit-risk", &[Arc::from("3"), Arc::from("4")], &rules()).unwrap();
    let clock = FakeClock::still();
    let now = clock.now();
    let counters = Memory::new(now, ENTRIES).counters(&["tenant", "caller", "model"].map(|name| Limit {
        name: Arc::from(name),
        fingerprint: Arc::from(name),
        requests: Rate::read("86400000000/day").map(|rate| Quota { rate, burst: rate.quantity }),
        concurrency: None,
    }));
    let admit = |caller: &Principal| {
        assert!(!policies.decide(caller, Operation::Infer).versions.is_empty(), "a rule allows it");
        assert!(take_three(&*counters, caller, now), "there is enough");
    };
    let find = || keys.find(key, SystemTime::UNIX_EPOCH).unwrap();
    stages.stage("let by: key, 100 rules, 3 limits; asked before", 0, || (), |()| admit(&find()));
    // Another caller each time, as far as the rules and limits know; all with the one key.
    let mut number = 0;
    let another = || {
        number += 1;
        Principal { id: format!("key:{number}").into(), ..(*find()).clone() }
    };
    stages.stage("let by: key, 100 rules, 3 limits; asked first", FIRST, another, |caller| {
        find();
        admit(&caller);
    });
}

/// What a first decision may allocate: Cedar's evaluation, what is kept of it, and the caller's counter.
const FIRST: usize = 124;

fn rules() -> Vec<Access> {
    let span = Span { file: Arc::from("gateway.yaml"), line: 1, column: 1 };
    let tenants = (1..100).map(|number| format!("tenant-{number}")).chain(["risk".to_owned()]);
    let rule = |tenant: String| Access {
        effect: Effect::Permit,
        who: Who::Tenant(tenant.into()),
        versions: None,
        operations: OperationSet::ALL,
        span: span.clone(),
    };
    tenants.map(rule).collect()
}

/// Takes a tenant's, a caller's and a model's.
fn take_three(counters: &dyn Counters, caller: &Principal, now: Instant) -> bool {
    let (by_caller, by_model) = ([Part::Principal(&caller.id)], [Part::Model("credit-risk")]);
    let claim = |limit, parts| Claim {
        limit,
        subject: Subject { tenant: caller.tenant.as_deref(), parts },
        cost: 1,
        place: true,
        tell: true,
    };
    counters.take(&[claim(0, &[]), claim(1, &by_caller), claim(2, &by_model)], now).passed().is_some()
}

/// Keys among which one is known, and that one.
fn keys() -> (ApiKeys, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let store = Sqlite::open(folder.path().join("state.db")).await.unwrap();
        let pepper = PepperSource::Text("ab".repeat(32).into());
        let vault = Vault::open(Arc::new(store), pepper).await.unwrap();
        let grant = Grant {
            name: "batch".to_owned(),
            tenant: "risk".to_owned(),
            groups: Vec::new(),
            scopes: Vec::new(),
            models: None,
            purposes: Vec::new(),
        };
        let cause = Cause { at: SystemTime::UNIX_EPOCH, author: "me".to_owned(), reason: None };
        let secret = vault.create(grant, None, cause).await.unwrap();
        let keys = ApiKeys::default();
        keys.serve(Some(ApiKeys::read(vault).await.unwrap()));
        (keys, secret.expose().to_owned())
    })
}
