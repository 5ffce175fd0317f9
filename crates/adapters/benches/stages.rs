//! What a record costs, in metrics and as a line of the access log, what it costs to know a caller by a key or a token, and
//! what limits do.
//!
//! ```text
//! cargo bench -p sluicegate-adapters --bench stages
//! ```
#![expect(clippy::unwrap_used, reason = "what is to be measured must be there")]

use std::alloc::System;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use sluicegate_adapters::http::TcpConnector;
use sluicegate_adapters::identity::api_key::{ApiKeys, PepperSource, Vault};
use sluicegate_adapters::identity::oidc::Oidc;
use sluicegate_adapters::limits::memory::{ENTRIES, Memory};
use sluicegate_adapters::meter::prometheus::Meter;
use sluicegate_adapters::store::sqlite::Sqlite;
use sluicegate_core::limits::{Claim, Limit, Limiter as _, Part, Quota, Rate, Subject};
use sluicegate_core::{
    Cause, ClaimNames, ClaimPath, Clock as _, Grant, Identity, IssuerPlan, KeySource, Keys as _, Operation, Outcome,
    Pem, Protocol, Record, RecordSink, Served, Span, TenantClaim, TokenAlgorithm, Tokens as _, Traffic,
};
use sluicegate_testkit::{FakeClock, Stages};
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
    let (oidc, token) = token();
    stages.stage("token: known", 0, || (), |()| oidc.find(&token, now).is_ok());
    limits(&mut stages);
    stages.finish();
}

/// A token of an issuer, of twenty groups, that is known from before.
fn token() -> (Oidc, String) {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let (x, y) = key.public_key().as_ref().split_at(1).1.split_at(32);
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let keys =
        format!(r#"{{"keys":[{{"kty":"EC","kid":"one","crv":"P-256","x":"{}","y":"{}"}}]}}"#, encode(x), encode(y));
    let span = Span { file: "gateway.yaml".into(), line: 1, column: 1 };
    let file = Pem { path: "keys".into(), bytes: keys.into_bytes().into(), digest: "".into(), span: span.clone() };
    let groups = ClaimPath::parse("groups").unwrap();
    let plan = IssuerPlan {
        name: "idp".into(),
        issuer: "https://login.example.com/realms/ml".into(),
        keys: KeySource::File(file),
        audiences: vec!["sluicegate".into()],
        algorithms: TokenAlgorithm::USUAL.to_vec(),
        claims: ClaimNames { tenant: TenantClaim::Nobody, groups, scopes: None },
        leeway: Duration::ZERO,
        stale: Duration::from_secs(60),
        span,
    };
    let groups: Vec<String> = (0..20).map(|number| format!("\"/teams/number-{number}\"")).collect();
    let claims = format!(
        r#"{{"iss":"{}","aud":"sluicegate","sub":"f:0b1c:alice","exp":4000000000,"groups":[{}]}}"#,
        plan.issuer,
        groups.join(",")
    );
    let signed = format!("{}.{}", encode(br#"{"alg":"ES256","kid":"one","typ":"at+jwt"}"#), encode(claims.as_bytes()));
    let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    let good = format!("{signed}.{}", encode(signature.as_ref()));
    let oidc = Oidc::new(Arc::new(TcpConnector), Arc::new(FakeClock::still()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let served = runtime.block_on(oidc.prepare(&[plan])).unwrap();
    oidc.serve(served);
    assert!(oidc.find(&good, SystemTime::UNIX_EPOCH).is_ok());
    (oidc, good)
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

/// A tenant's, a caller's and a model's, by a caller that has an entry already.
fn limits(stages: &mut Stages) {
    let clock = FakeClock::still();
    let now = clock.now();
    let limit = |name: &str, rate, concurrency| Limit {
        name: Arc::from(name),
        fingerprint: Arc::from(name),
        requests: Rate::read(rate).map(|rate| Quota { rate, burst: rate.quantity }),
        concurrency: NonZeroU64::new(concurrency),
    };
    let counters = Memory::new(now, ENTRIES).counters(&[
        limit("tenant", "86400000000/day", 0),
        limit("caller", "3600000000/h", 0),
        limit("model", "999983/s", 0),
        limit("used up", "1/day", 0),
        limit("places", "", 64),
    ]);
    let (caller, model) = ([Part::Principal("key:scoring-batch")], [Part::Model("credit-risk")]);
    let claim = |limit, parts| Claim {
        limit,
        subject: Subject { tenant: Some("risk"), parts },
        cost: 1,
        place: true,
        tell: true,
    };
    let three = [claim(0, &[]), claim(1, &caller), claim(2, &model)];
    stages.stage("limits: one, passed", 0, || (), |()| counters.take(&three[..1], now));
    stages.stage("limits: three, passed", 0, || (), |()| counters.take(&three, now));
    let used_up = [three[0], three[1], claim(3, &caller)];
    stages.stage("limits: three, refused", 0, || (), |()| counters.take(&used_up, now));
    let place = [claim(4, &caller)];
    stages.stage("limits: a place, taken and given back", 0, || (), |()| drop(counters.take(&place, now)));
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
        would_refuse: None,
        arrived: SystemTime::UNIX_EPOCH + Duration::from_millis(1_764_000_000_123),
        total: Duration::from_micros(1_234),
        upstream: Duration::from_micros(987),
        traffic: Traffic { received: 91, sent: 140 },
        usage: None,
        generation: Arc::from("3f2a9c0d1e4b5a67"),
    }
}
