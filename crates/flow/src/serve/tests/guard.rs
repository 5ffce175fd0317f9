//! Who calls, and what they may do: in the protocols that callers speak.

use sluicegate_config::{AccessRule, Effect, Tenant, Who};
use sluicegate_core::{Identity, KeyFault, Keys, OperationSet, Principal, PrincipalKind};

use super::*;

/// Keys that are what they are called: `NAME[@TENANT][/GROUP]`, and some that are not good.
pub(super) struct Spoken;

impl Keys for Spoken {
    fn find(&self, presented: &str, _: SystemTime) -> Result<Arc<Principal>, KeyFault> {
        let (rest, group) = presented.split_once('/').map_or((presented, None), |(rest, group)| (rest, Some(group)));
        let (name, tenant) = rest.split_once('@').map_or((rest, None), |(name, tenant)| (name, Some(tenant)));
        match name {
            "unknown" => return Err(KeyFault::Unknown),
            "malformed" => return Err(KeyFault::Malformed),
            "revoked" => return Err(KeyFault::Revoked(Arc::from(name))),
            "expired" => return Err(KeyFault::Expired(Arc::from(name))),
            "early" => return Err(KeyFault::Unavailable),
            _ => {}
        }
        let scopes = match name {
            "reader" => OperationSet::named("read").unwrap(),
            _ => OperationSet::ALL,
        };
        Ok(Arc::new(Principal {
            id: Arc::from(format!("key:{name}")),
            kind: PrincipalKind::Key,
            tenant: tenant.map(Arc::from),
            groups: group.into_iter().map(Arc::from).collect(),
            scopes,
            models: (name == "elsewhere").then(|| [Arc::from("other")].into()),
            purposes: Arc::default(),
        }))
    }
}

pub(super) fn span() -> Span {
    Span { file: Arc::from("test.yaml"), line: 1, column: 1 }
}

pub(super) fn rule(who: Who, versions: Option<&[&str]>, operations: &str) -> AccessRule {
    let operations = match operations {
        "usual" => OperationSet::named("run").unwrap().union(OperationSet::named("read").unwrap()),
        named => OperationSet::named(named).unwrap(),
    };
    let versions = versions.map(|names| names.iter().map(|name| Arc::from(*name)).collect());
    AccessRule { effect: Effect::Allow, who, versions, operations, span: span() }
}

pub(super) fn tenant(name: &str) -> Who {
    Who::Tenant(Arc::from(name))
}

/// A gateway whose listener takes `methods`, and whose one model is for those that `access` says.
pub(super) fn world(behaviour: Behaviour, methods: &[Method], access: Option<Vec<AccessRule>>) -> World {
    World::with(behaviour, Arc::new(Spoken), |resolved| {
        resolved.listeners[0].authenticate = methods.to_vec();
        resolved.listeners[0].management = true;
        resolved.listeners[0].limits.body = 1 << 20;
        resolved.models[0].access = access;
        let named = |name: &str| Tenant { name: Arc::from(name), description: None, span: span() };
        resolved.tenants = vec![named("risk"), named("team-b")];
    })
}

const KEYS: &[Method] = &[Method::ApiKey];
pub(super) const EITHER: &[Method] = &[Method::Anonymous, Method::ApiKey];
const INFER: &str = "/v2/models/m/infer";

async fn status(world: &World, path: &str, key: &str) -> u16 {
    let (method, body) = if path.ends_with("infer") { ("POST", BODY) } else { ("GET", "") };
    let headers: &[(&str, &str)] = if key.is_empty() { &[] } else { &[("x-api-key", key)] };
    world.ask(method, path, headers, body).await.0
}

pub(super) fn everyone() -> Option<Vec<AccessRule>> {
    Some(vec![rule(Who::Everyone, None, "usual")])
}

#[tokio::test]
async fn v_01_the_credential_that_is_present_selects_the_method() {
    let world = world(Behaviour::Echo, EITHER, everyone());
    assert_eq!(status(&world, INFER, "alice@risk").await, 200);
    // Nothing else is tried in place of a bad one, although anybody may come in without.
    for bad in ["unknown", "malformed", "revoked", "expired"] {
        assert_eq!(status(&world, INFER, bad).await, 401, "{bad}");
        assert_eq!(status(&world, "/v2/health/ready", bad).await, 401, "{bad}");
    }
    assert_eq!(status(&world, "/v2/health/ready", "").await, 200);
}

#[tokio::test]
async fn what_is_wrong_with_a_key_is_told_to_operators_alone() {
    let world = world(Behaviour::Echo, KEYS, everyone());
    let mut answers = Vec::new();
    for bad in ["unknown", "malformed", "revoked", "expired"] {
        let (status, headers, body) = world.ask("POST", INFER, &[("x-api-key", bad)], BODY).await;
        assert_eq!((status, named(&headers, "www-authenticate")), (401, "Bearer"));
        answers.push(body);
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]));
    let records = std::mem::take(&mut *world.records.0.lock());
    let causes: Vec<_> = records.iter().map(|record| record.cause.clone().unwrap()).collect();
    assert_eq!(causes[2], "key `revoked` was revoked");
    assert!(records.iter().all(|record| record.identity == Identity::Unsettled && record.traffic.received == 0));
    // That nothing can be told of it is nobody's fault but the gateway's.
    assert_eq!(status(&world, INFER, "early").await, 503);
}

#[tokio::test]
async fn without_a_credential_every_path_is_answered_alike() {
    let world = world(Behaviour::Echo, KEYS, everyone());
    let mut answers = Vec::new();
    for path in [INFER, "/v2/models/none/infer", "/v2/models/m", "/v2/health/live", "/nowhere/infer"] {
        let (method, body) = if path.ends_with("infer") { ("POST", BODY) } else { ("GET", "") };
        let (status, _, body) = world.ask(method, path, &[], body).await;
        assert_eq!(status, 401, "{path}");
        answers.push(body);
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]));
}

#[tokio::test]
async fn keys_come_in_three_fields_and_by_one_scheme() {
    let world = world(Behaviour::Echo, KEYS, everyone());
    for (field, value, expected) in [
        ("authorization", "Bearer alice@risk", 200),
        ("authorization", "bearer  alice@risk", 200),
        ("authorization", "Basic alice@risk", 401),
        ("authorization", "alice@risk", 401),
        ("x-api-key", "alice@risk", 200),
        ("api-key", "alice@risk", 200),
        ("x-api-key", "", 401),
    ] {
        // An empty name is a key like any other to the one that knows them here.
        let expected = if value.is_empty() { 403 } else { expected };
        assert_eq!(world.ask("POST", INFER, &[(field, value)], BODY).await.0, expected, "{field}: {value}");
    }
    let only = World::with(Behaviour::Echo, Arc::new(Spoken), |resolved| {
        resolved.listeners[0].authenticate = EITHER.to_vec();
        resolved.identity.key_headers = vec![sluicegate_config::KeyHeader::XApiKey];
    });
    // A credential that is not taken is none that could be left aside.
    assert_eq!(only.ask("POST", INFER, &[("authorization", "Bearer alice")], BODY).await.0, 401);
    assert_eq!(only.ask("POST", INFER, &[], BODY).await.0, 200);
}

#[tokio::test]
async fn where_nobody_is_asked_a_credential_is_not_looked_at() {
    let world = world(Behaviour::Echo, &[Method::Anonymous], None);
    assert_eq!(status(&world, INFER, "unknown").await, 200);
    assert_eq!(world.record().identity, Identity::Anonymous);
    // What is for some is not for anybody.
    let world = self::world(Behaviour::Echo, &[Method::Anonymous], everyone());
    assert_eq!(status(&world, INFER, "alice@risk").await, 404);
}

#[tokio::test]
async fn a_caller_belongs_to_a_tenant_that_is_configured() {
    let world = world(Behaviour::Echo, KEYS, everyone());
    for stranger in ["alice", "alice@nowhere"] {
        assert_eq!(status(&world, INFER, stranger).await, 403, "{stranger}");
        assert_eq!(status(&world, "/v2/models/none/infer", stranger).await, 403, "{stranger}");
    }
    assert_eq!(status(&world, INFER, "alice@team-b").await, 200);
    let record = world.records.0.lock().last().cloned().unwrap();
    assert_eq!((record.identity.id(), record.identity.tenant().map(|name| &**name)), ("key:alice", Some("team-b")));
}

#[tokio::test]
async fn a_model_is_for_those_that_its_rules_name() {
    let access = vec![rule(tenant("risk"), None, "usual"), rule(tenant("team-b"), Some(&["1"]), "usual")];
    let world = world(Behaviour::Echo, KEYS, Some(access));
    let version = async |key: &str, path: &str| {
        let (status, headers, _) = world.ask("POST", path, &[("x-api-key", key)], BODY).await;
        (status, headers.get("sluicegate-version").and_then(|value| value.as_str()).unwrap_or("").to_owned())
    };
    // The stable version is 2; where that is not permitted, the first that is.
    assert_eq!(version("alice@risk", INFER).await, (200, "2".to_owned()));
    assert_eq!(version("bob@team-b", INFER).await, (200, "1".to_owned()));
    assert_eq!(version("bob@team-b", "/v2/models/m/versions/1/infer").await, (200, "1".to_owned()));
    assert_eq!(version("bob@team-b", "/v2/models/m/versions/2/infer").await.0, 404);
    assert_eq!(version("elsewhere@risk", INFER).await.0, 404);
}

#[tokio::test]
async fn a_model_without_rules_is_for_nobody_that_is_known() {
    let world = world(Behaviour::Echo, EITHER, None);
    assert_eq!(status(&world, INFER, "").await, 200);
    assert_eq!(status(&world, INFER, "alice@risk").await, 404);
}

#[tokio::test]
async fn unknown_and_forbidden_are_one_answer_to_the_byte() {
    let world = world(Behaviour::Echo, KEYS, Some(vec![rule(tenant("risk"), Some(&["1"]), "usual")]));
    for (unknown, forbidden) in [
        ("/v2/models/x/infer", INFER),
        ("/v2/models/x", "/v2/models/m"),
        ("/v2/models/x/ready", "/v2/models/m/ready"),
        ("/v2/models/x/config", "/v2/models/m/config"),
        ("/v2/models/x/stats", "/v2/models/m/stats"),
        ("/v2/models/x/versions/1/infer", "/v2/models/m/versions/2/infer"),
    ] {
        let ask = async |path: &str| {
            let (method, body) = if path.ends_with("infer") { ("POST", BODY) } else { ("GET", "") };
            let (status, headers, body) = world.ask(method, path, &[("x-api-key", "eve@team-b")], body).await;
            let headers: Vec<_> = headers
                .iter()
                .filter(|(name, _)| name.as_str() != "x-request-id")
                .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
                .collect();
            (status, headers, body)
        };
        let (one, other) = (ask(unknown).await, ask(forbidden).await);
        assert_eq!((one.0, &one), (404, &other), "{forbidden}");
    }
    let causes: Vec<_> = world.records.0.lock().iter().map(|record| record.cause.clone().unwrap()).collect();
    assert_eq!(causes[1], "no rule lets `key:eve` do `infer` with `m`");
}

#[tokio::test]
async fn what_may_not_be_done_with_a_model_that_is_there_is_forbidden() {
    let world = world(Behaviour::Echo, KEYS, Some(vec![rule(tenant("risk"), None, "usual")]));
    assert_eq!(status(&world, "/v2/models/m", "reader@risk").await, 200);
    assert_eq!(status(&world, INFER, "reader@risk").await, 403);
    let manage = |key: &'static str| {
        let world = &world;
        async move { world.ask("POST", "/v2/repository/models/m/load", &[("x-api-key", key)], "{}").await.0 }
    };
    assert_eq!(manage("alice@risk").await, 403);
    assert_eq!(manage("eve@team-b").await, 404);
    let world = self::world(Behaviour::Echo, KEYS, Some(vec![rule(tenant("risk"), None, "manage")]));
    let ask = async |path: &str, key: &str| world.ask("POST", path, &[("x-api-key", key)], "{}").await.0;
    // It is let by, and the scripted backend has no such call.
    assert_eq!(ask("/v2/repository/models/m/load", "alice@risk").await, 501);
    assert_eq!(ask("/v2/logging", "eve@team-b").await, 403);
    assert_eq!(ask("/v2/logging", "alice@risk").await, 501);
}

#[tokio::test]
async fn lists_show_what_is_there_for_the_caller() {
    let access = vec![rule(tenant("risk"), None, "usual"), rule(tenant("team-b"), Some(&["1"]), "usual")];
    let world = world(Behaviour::Echo, KEYS, Some(access));
    let ask = async |method: &str, path: &str, key: &str| {
        let (status, _, body) = world.ask(method, path, &[("x-api-key", key)], "").await;
        assert_eq!(status, 200, "{path}");
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()
    };
    let versions = |told: &serde_json::Value| -> Vec<String> {
        told.as_array().unwrap().iter().map(|entry| entry["version"].as_str().unwrap().to_owned()).collect()
    };
    for (key, expected) in [("alice@risk", vec!["1", "2"]), ("bob@team-b", vec!["1"]), ("elsewhere@risk", vec![])] {
        assert_eq!(versions(&ask("POST", "/v2/repository/index", key).await), expected, "{key}");
        assert_eq!(versions(&ask("GET", "/v2/models/stats", key).await["model_stats"]), expected, "{key}");
    }
    assert_eq!(ask("GET", "/v2/models/m", "bob@team-b").await["versions"], serde_json::json!(["1"]));
    // Whom a credential keeps from counters sees that the model is there, and not how it is used.
    let runs = vec![rule(Who::Everyone, None, "infer")];
    let world = self::world(Behaviour::Echo, KEYS, Some(runs));
    let (_, _, body) = world.ask("GET", "/v2/models/stats", &[("x-api-key", "alice@risk")], "").await;
    assert_eq!(&body[..], br#"{"model_stats":[]}"#);
    let (_, _, body) = world.ask("POST", "/v2/repository/index", &[("x-api-key", "alice@risk")], "").await;
    assert_eq!(body.windows(6).filter(|text| text == br#""name""#).count(), 2);
}

#[tokio::test]
async fn groups_and_single_callers_are_named_too_and_what_is_denied_wins() {
    let denied = AccessRule { effect: Effect::Deny, ..rule(Who::Principal(Arc::from("key:mallory")), None, "usual") };
    let access =
        vec![rule(Who::Group(Arc::from("interns")), None, "infer"), rule(tenant("risk"), None, "usual"), denied];
    let world = world(Behaviour::Echo, KEYS, Some(access));
    assert_eq!(status(&world, INFER, "ina@team-b/interns").await, 200);
    assert_eq!(status(&world, "/v2/models/m", "ina@team-b/interns").await, 403);
    assert_eq!(status(&world, INFER, "ina@team-b").await, 404);
    assert_eq!(status(&world, INFER, "mallory@risk").await, 404);
}

#[tokio::test]
async fn a_message_of_a_stream_is_an_operation_of_its_own() {
    for (allowed, once, streamed) in [("infer", 0, 7), ("stream_infer", 7, 0), ("run", 0, 0), ("read", 7, 7)] {
        let world = world(Behaviour::Echo, KEYS, Some(vec![rule(tenant("risk"), None, allowed)]));
        let headers = [("x-api-key", "alice@risk"), ("triton_grpc_error", "true")];
        for (call, expected) in [("ModelInfer", once), ("ModelStreamInfer", streamed)] {
            let told = world.call(call, &headers, super::grpc::infer("m", "")).await;
            assert_eq!(told.code, expected, "{call}, where {allowed} is allowed");
        }
    }
}

#[tokio::test]
async fn the_callers_credential_does_not_go_upstream() {
    let world = world(Behaviour::Raw, KEYS, everyone());
    for (field, value) in
        [("authorization", "Bearer alice@risk"), ("x-api-key", "alice@risk"), ("api-key", "alice@risk")]
    {
        assert_eq!(world.ask("POST", INFER, &[(field, value)], BODY).await.0, 200);
        let seen = world.seen.lock().pop().unwrap();
        assert!(seen.iter().all(|(_, value)| !value.as_bytes().windows(5).any(|part| part == b"alice")), "{field}");
    }
}
