//! What a record costs, in metrics and as a line of the access log, and what it costs to know a caller by a key.
//!
//! ```text
//! cargo bench -p sluicegate-adapters --bench stages
//! ```
#![expect(clippy::unwrap_used, reason = "what is to be measured must be there")]

use std::alloc::System;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Method;
use sluicegate_adapters::identity::api_key::{ApiKeys, PepperSource, Vault};
use sluicegate_adapters::meter::prometheus::Meter;
use sluicegate_adapters::store::sqlite::Sqlite;
use sluicegate_core::{
    Cause, Grant, Identity, Keys as _, Operation, Outcome, Protocol, Record, RecordSink, Served, Traffic,
};
use sluicegate_testkit::Stages;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[path = "../src/sink/access_log/line.rs"]
mod line;
#[path = "../src/recent.rs"]
mod recent;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let mut stages = Stages::of("adapters", || {
        let made = ALLOCATOR.stats();
        made.allocations + made.reallocations
    });
    let record = record();
    let meter = Meter::new(SystemTime::UNIX_EPOCH);
    stages.stage(
        "metrics: a request begun and ended",
        0,
        || (),
        |()| {
            meter.begun(&record.listener);
            meter.ended(&record);
        },
    );
    let mut scribe = line::Scribe::default();
    stages.stage("access log: the line", 0, || (), |()| scribe.write(&record).map(<[u8]>::len));
    let (served, known) = keys();
    let now = SystemTime::UNIX_EPOCH;
    // Well written, and of another store.
    let (_, unknown) = keys();
    let mistyped = known.replace("sgk_", "skg_");
    for (stage, key) in [("known", &known), ("unknown", &unknown), ("mistyped", &mistyped)] {
        stages.stage(&format!("key: {stage}"), 0, || (), |()| served.find(key, now).is_ok());
    }
    stages.finish();
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

fn record() -> Record {
    Record {
        request_id: Box::from("0123456789abcdef0123456789abcdef"),
        trace_id: Box::from("4bf92f3577b34da6a3ce929d0e0e4736"),
        listener: Arc::from("local"),
        peer: ([127, 0, 0, 1], 40_000).into(),
        identity: Identity::Anonymous,
        method: Method::POST,
        protocol: Some(Protocol::OipRest),
        operation: Some(Operation::Infer),
        model: Some(Arc::from("iris")),
        served: Some(Arc::new(Served { version: Arc::from("1"), backend: Arc::from("triton") })),
        endpoint: Some(Arc::from("10.0.0.5:8000")),
        tries: 1,
        status: 200,
        outcome: Outcome::Answered,
        cause: None,
        arrived: SystemTime::UNIX_EPOCH + Duration::from_millis(1_764_000_000_123),
        total: Duration::from_micros(1_234),
        upstream: Duration::from_micros(987),
        traffic: Traffic { received: 91, sent: 140 },
        usage: None,
        generation: Arc::from("3f2a9c0d1e4b5a67"),
    }
}
