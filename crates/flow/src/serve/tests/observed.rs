//! Rules that are merely observed: what they refuse is served and told, and nothing else is.

use sluicegate_config::{AccessRule, Effect, Tenant, Who};

use super::guard::{EITHER, Spoken, rule, span, tenant};
use super::*;

const INFER: &str = "/v2/models/m/infer";
const SECOND: &str = "/v2/models/m/versions/2/infer";

/// A gateway whose one model has these rules, merely observed; its stable version is "2".
fn world(access: Option<Vec<AccessRule>>) -> World {
    World::with(Behaviour::Echo, Arc::new(Spoken), |resolved| set_up(resolved, access, PolicyMode::Observe))
}

fn set_up(resolved: &mut Resolved, access: Option<Vec<AccessRule>>, policy: PolicyMode) {
    resolved.listeners[0].authenticate = EITHER.to_vec();
    resolved.listeners[0].management = true;
    resolved.listeners[0].limits.body = 1 << 20;
    (resolved.models[0].access, resolved.models[0].policy) = (access, policy);
    let named = |name: &str| Tenant { name: Arc::from(name), description: None, span: span() };
    resolved.tenants = vec![named("risk"), named("team-b")];
}

/// The status, the version that answered, and how it would have been refused.
async fn asked(world: &World, path: &str, key: &str) -> (u16, String, Option<&'static str>) {
    world.records.0.lock().clear();
    let (method, body) = if path.ends_with("infer") { ("POST", BODY) } else { ("GET", "") };
    let headers: &[(&str, &str)] = if key.is_empty() { &[] } else { &[("x-api-key", key)] };
    let (status, headers, _) = world.ask(method, path, headers, body).await;
    let version = headers.get("sluicegate-version").map(|value| value.as_str().unwrap().to_owned());
    (status, version.unwrap_or_default(), world.record().would_refuse.map(|kind| kind.facts().label))
}

fn served(version: &str, would_refuse: Option<&'static str>) -> (u16, String, Option<&'static str>) {
    (200, version.to_owned(), would_refuse)
}

#[tokio::test]
async fn what_rules_refuse_is_served_and_told_as_the_refusal_it_would_have_been() {
    let reads = rule(tenant("team-b"), None, "read");
    let world = world(Some(vec![rule(tenant("risk"), None, "usual"), reads]));
    assert_eq!(asked(&world, INFER, "alice@risk").await, served("2", None));
    assert_eq!(asked(&world, INFER, "bob@team-b").await, served("2", Some("forbidden")));
    assert_eq!(asked(&world, INFER, "").await, served("2", Some("model_not_found")));
    let told = std::mem::take(&mut *world.records.2.lock());
    let told: Vec<_> = told.iter().map(|(model, kind)| (model.as_str(), kind.facts().label)).collect();
    assert_eq!(told, [("m", "forbidden"), ("m", "model_not_found")]);
}

#[tokio::test]
async fn a_deny_is_observed_like_the_want_of_an_allow() {
    let deny = AccessRule { effect: Effect::Deny, ..rule(Who::Principal(Arc::from("key:mallory")), None, "infer") };
    let world = world(Some(vec![rule(Who::Everyone, None, "usual"), deny]));
    assert_eq!(asked(&world, INFER, "mallory@risk").await, served("2", Some("forbidden")));
    assert_eq!(asked(&world, INFER, "alice@risk").await, served("2", None));
}

#[tokio::test]
async fn a_model_without_rules_serves_those_that_are_identified_and_tells() {
    let world = world(None);
    assert_eq!(asked(&world, INFER, "").await, served("2", None));
    assert_eq!(asked(&world, INFER, "alice@risk").await, served("2", Some("model_not_found")));
}

#[tokio::test]
async fn what_would_not_be_refused_goes_where_it_would_go() {
    let world = world(Some(vec![rule(tenant("risk"), Some(&["1"]), "usual")]));
    assert_eq!(asked(&world, INFER, "alice@risk").await, served("1", None));
    // The version is not there for it: nothing may be done with that one.
    assert_eq!(asked(&world, SECOND, "alice@risk").await, served("2", Some("model_not_found")));
}

#[tokio::test]
async fn what_is_refused_is_shown() {
    let world = world(Some(vec![rule(tenant("risk"), None, "infer")]));
    let headers = [("x-api-key", "bob@team-b")];
    let (status, _, body) = world.ask("POST", "/v2/repository/index", &headers, "{}").await;
    let listed: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, listed.as_array().unwrap().len()), (200, 2), "{listed}");
}

#[tokio::test]
async fn bounds_of_a_key_tenants_and_orders_are_no_rules_of_a_model() {
    let world = world(Some(vec![rule(tenant("risk"), None, "usual")]));
    let refused = |status| (status, String::new(), None);
    // A key for reading, one for another model, one that is not good, one of no tenant.
    assert_eq!(asked(&world, INFER, "reader@risk").await, refused(403));
    assert_eq!(asked(&world, INFER, "elsewhere@risk").await, refused(404));
    assert_eq!(asked(&world, INFER, "revoked").await, refused(401));
    assert_eq!(asked(&world, INFER, "nobody").await, refused(403));
    world.records.0.lock().clear();
    for path in ["/v2/repository/models/m/load", "/v2/repository/models/m/unload", "/v2/models/m/trace/setting"] {
        let status = world.ask("POST", path, &[("x-api-key", "alice@risk")], "{}").await.0;
        assert_eq!(status, 403, "{path}");
    }
    assert!(world.records.2.lock().is_empty());
    assert!(world.seen.lock().is_empty(), "a model server heard of it");
}

#[tokio::test]
async fn every_message_of_a_stream_is_told_and_the_record_once() {
    let world = world(Some(vec![rule(tenant("risk"), None, "usual")]));
    let two = [super::grpc::infer("m", ""), super::grpc::infer("m", "")].concat();
    for (key, expected) in [("bob@team-b", 2), ("alice@risk", 0)] {
        world.records.0.lock().clear();
        let told = world.call("ModelStreamInfer", &[("x-api-key", key)], two.clone().into()).await;
        assert_eq!(told.code, 0, "{key}");
        assert_eq!(std::mem::take(&mut *world.records.2.lock()).len(), expected, "{key}");
        assert_eq!(world.record().would_refuse.is_some(), expected > 0, "{key}");
    }
}

#[tokio::test]
async fn a_generation_that_enforces_refuses_what_the_one_before_served() {
    let access = || Some(vec![rule(tenant("risk"), None, "usual")]);
    let world = world(access());
    assert_eq!(asked(&world, INFER, "bob@team-b").await.0, 200);
    let mut resolved = resolved();
    set_up(&mut resolved, access(), PolicyMode::Enforce);
    resolved.digest = Arc::from("d2");
    let builders: Builders = vec![("scripted", Arc::new(Builder(Behaviour::Echo, Arc::default())))];
    let built = world.gateway.build(&resolved, &builders).unwrap();
    world.gateway.install(built);
    assert_eq!(asked(&world, INFER, "bob@team-b").await, (404, String::new(), None));
    assert_eq!(asked(&world, INFER, "alice@risk").await, served("2", None));
}
