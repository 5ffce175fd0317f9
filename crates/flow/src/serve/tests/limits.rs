//! Limits on what callers may ask for, in the protocols that callers speak and in paused time.

use std::num::NonZeroU64;

use sluicegate_config::{Limit, LimitMode, Per, Select, Tenant};
use sluicegate_core::limits::{Quota, Rate};
use sluicegate_testkit::contract::Plain;
use tokio::time::sleep;

use super::guard::{EITHER, Spoken, everyone, span};
use super::*;

const INFER: &str = "/v2/models/m/infer";
const CHAT: &str = "/v1/chat/completions";

fn limit(name: &str, requests: &str) -> Limit {
    let requests = Rate::read(requests).map(|rate| Quota { rate, burst: rate.quantity });
    Limit {
        name: Arc::from(name),
        fingerprint: Arc::from(name),
        select: Select::default(),
        per: Vec::new(),
        requests,
        concurrency: None,
        mode: LimitMode::Enforce,
        span: span(),
    }
}

fn per(name: &str, requests: &str, per: &[Per]) -> Limit {
    Limit { per: per.to_vec(), ..limit(name, requests) }
}

fn places(name: &str, count: u64, per: &[Per]) -> Limit {
    Limit { concurrency: NonZeroU64::new(count), per: per.to_vec(), ..limit(name, "") }
}

/// A gateway with these limits, for everyone that has a key and for those that have none.
fn world(behaviour: Behaviour, limits: Vec<Limit>) -> World {
    let mut resolved = resolved();
    configure(&mut resolved, limits);
    World::of(behaviour, &resolved, |gateway| {
        gateway.with_keys(Arc::new(Spoken)).with_limiter(Arc::new(Plain::new(TokioClock.now())))
    })
}

fn configure(resolved: &mut Resolved, limits: Vec<Limit>) {
    resolved.listeners[0].authenticate = EITHER.to_vec();
    resolved.listeners[0].limits.body = 1 << 20;
    resolved.models[0].access = everyone();
    let mut open = resolved.models[0].clone();
    (open.name, open.access) = (Arc::from("open"), None);
    resolved.models.push(open);
    let named = |name: &str| Tenant { name: Arc::from(name), description: None, span: span() };
    resolved.tenants = vec![named("risk"), named("team-b")];
    resolved.limits = limits;
}

async fn ask(world: &World, path: &str, key: &str) -> (u16, Fields) {
    let (method, body) = if path.ends_with("infer") { ("POST", BODY) } else { ("GET", "") };
    let headers: &[(&str, &str)] = if key.is_empty() { &[] } else { &[("x-api-key", key)] };
    let (status, headers, _) = world.ask(method, path, headers, body).await;
    (status, headers)
}

async fn status(world: &World, path: &str, key: &str) -> u16 {
    ask(world, path, key).await.0
}

fn has_none(headers: &Fields) -> bool {
    headers.names().all(|name| !name.as_str().contains("ratelimit"))
}

fn counted(world: &World) -> Vec<(String, &'static str)> {
    world.records.1.lock().clone()
}

#[tokio::test(start_paused = true)]
async fn l_07_who_has_used_up_its_limit_is_told_so_and_when_to_come_back() {
    let world = world(Behaviour::Echo, vec![per("each", "2/min", &[Per::Principal])]);
    let (status, headers) = ask(&world, INFER, "alice@risk").await;
    assert_eq!((status, named(&headers, "ratelimit")), (200, r#""each";r=1;t=30"#));
    assert_eq!(named(&headers, "ratelimit-policy"), r#""each";q=2;w=60"#);
    assert_eq!(ask(&world, INFER, "alice@risk").await.0, 200);
    sleep(Duration::from_millis(500)).await;
    let (status, headers, body) = world.ask("POST", INFER, &[("x-api-key", "alice@risk")], BODY).await;
    assert_eq!((status, named(&headers, "retry-after")), (429, "30"), "29.5 s and no earlier");
    assert_eq!(named(&headers, "ratelimit"), r#""each";r=0;t=30"#);
    assert!(String::from_utf8_lossy(&body).contains("the limit is 2/min"), "{body:?}");
    let record = world.records.0.lock().last().unwrap().clone();
    assert_eq!(record.outcome.label(), "rate_limited");
    assert_eq!(record.cause.as_deref(), Some("the limit `each` has no request left"));
    assert_eq!(world.seen.lock().len(), 2, "the model saw nothing of it");
    assert_eq!(counted(&world), [("each".to_owned(), "enforce")]);
    sleep(Duration::from_millis(29_500)).await;
    assert_eq!(ask(&world, INFER, "alice@risk").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn each_has_its_own_also_where_two_tenants_have_a_caller_of_one_name() {
    let limits = || vec![per("each", "1/min", &[Per::Principal])];
    let one = world(Behaviour::Echo, limits());
    for key in ["alice@risk", "alice@team-b", "bob@risk"] {
        assert_eq!(status(&one, INFER, key).await, 200, "{key}");
        assert_eq!(status(&one, INFER, key).await, 429, "{key}");
    }
    assert_eq!(status(&one, "/v2/models/open/infer", "").await, 200);
    assert_eq!(
        status(&one, "/v2/models/open/infer", "").await,
        429,
        "who does not say who it is has one with all such"
    );
    let of_tenant =
        Limit { select: Select { tenant: Some("risk".into()), ..Select::default() }, ..limit("risk", "2/min") };
    let of_group =
        Limit { select: Select { group: Some("interns".into()), ..Select::default() }, ..limit("all", "1/min") };
    let world = world(Behaviour::Echo, vec![of_tenant, of_group]);
    assert_eq!(status(&world, INFER, "alice@risk").await, 200);
    assert_eq!(status(&world, INFER, "bob@risk").await, 200);
    assert_eq!(status(&world, INFER, "carol@risk").await, 429, "a tenant's callers share what is its");
    assert_eq!(status(&world, INFER, "a@team-b/interns").await, 200);
    assert_eq!(status(&world, INFER, "b@team-b/interns").await, 429);
    assert_eq!(status(&world, INFER, "c@team-b/others").await, 200);
}

#[tokio::test(start_paused = true)]
async fn what_all_share_has_no_room_and_tells_nobody_what_others_do() {
    let of_model =
        Limit { select: Select { models: Some(vec!["m".into()]), ..Select::default() }, ..limit("m", "1/min") };
    let world = world(Behaviour::Echo, vec![of_model]);
    let (status, headers) = ask(&world, INFER, "alice@risk").await;
    assert!(status == 200 && has_none(&headers), "{headers:?}");
    let (status, headers) = ask(&world, INFER, "bob@team-b").await;
    assert_eq!((status, named(&headers, "retry-after")), (503, "60"));
    assert!(has_none(&headers), "{headers:?}");
    assert_eq!(world.records.0.lock()[1].outcome.label(), "overloaded");
    assert_eq!(self::status(&world, "/v2/models/open/infer", "").await, 200, "another model is another matter");
}

#[tokio::test(start_paused = true)]
async fn of_several_limits_all_or_none_is_taken() {
    let narrow = Limit {
        select: Select { models: Some(vec!["m".into()]), ..Select::default() },
        ..per("m", "1/min", &[Per::Tenant])
    };
    let world = world(Behaviour::Echo, vec![per("wide", "3/min", &[Per::Principal]), narrow]);
    assert_eq!(status(&world, INFER, "alice@risk").await, 200);
    for _ in 0..5 {
        assert_eq!(status(&world, INFER, "alice@risk").await, 429);
    }
    // Two are left of the wide one: what the narrow one refused took nothing of it.
    let (_, headers) = ask(&world, "/v2/models/m", "alice@risk").await;
    assert_eq!(named(&headers, "ratelimit"), r#""wide";r=1;t=20"#);
}

#[tokio::test(start_paused = true)]
async fn l_08_a_place_is_given_back_when_its_request_is_over_or_given_up() {
    let hanging = world(Behaviour::Hang, vec![places("places", 2, &[Per::Principal])]);
    let key = [("x-api-key", "alice@risk")];
    let mut held: Vec<_> = (0..2).map(|_| Box::pin(hanging.ask("POST", INFER, &key, BODY))).collect();
    for request in &mut held {
        assert!(request.as_mut().now_or_never().is_none());
    }
    let (status, headers) = ask(&hanging, INFER, "alice@risk").await;
    assert_eq!((status, named(&headers, "retry-after")), (429, "1"));
    assert_eq!(self::status(&hanging, "/v2/models/m", "bob@risk").await, 200, "places of others are others'");
    held.pop();
    let mut again = Box::pin(hanging.ask("POST", INFER, &key, BODY));
    assert!(again.as_mut().now_or_never().is_none(), "there is a place again");
    assert_eq!(again.await.0, 504, "the model did not answer in time");
    assert_eq!(held.pop().unwrap().await.0, 504);
    drop(held);
    let panicking = world(Behaviour::Panic, vec![places("places", 1, &[Per::Principal])]);
    for _ in 0..50 {
        assert_eq!(self::status(&panicking, INFER, "alice@risk").await, 500);
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_is_held_to_the_answers_last_byte() {
    let world = world(Behaviour::Echo, vec![places("places", 1, &[Per::Principal])]);
    let answer = world.answer("POST", INFER, &[("x-api-key", "alice@risk")], Body::from(BODY.to_owned())).await;
    assert_eq!(answer.status, 200);
    assert_eq!(status(&world, INFER, "alice@risk").await, 429);
    drop(answer);
    assert_eq!(status(&world, INFER, "alice@risk").await, 200);
}

#[tokio::test(start_paused = true)]
async fn what_only_observes_serves_and_counts() {
    let observed =
        Limit { mode: LimitMode::Observe, concurrency: NonZeroU64::new(1), ..per("seen", "2/min", &[Per::Principal]) };
    let world = world(Behaviour::Echo, vec![observed, per("kept", "4/min", &[Per::Principal])]);
    for _ in 0..4 {
        let (status, headers) = ask(&world, INFER, "alice@risk").await;
        assert_eq!(status, 200);
        assert!(named(&headers, "ratelimit").starts_with(r#""kept""#), "what is not kept to is not told");
    }
    assert_eq!(counted(&world), vec![("seen".to_owned(), "observe"); 2]);
    assert_eq!(status(&world, INFER, "alice@risk").await, 429);
    assert_eq!(
        counted(&world).last(),
        Some(&("kept".to_owned(), "enforce")),
        "what was refused was not observed as well"
    );
}

#[tokio::test(start_paused = true)]
async fn questions_count_for_limits_that_name_no_model_and_health_for_none() {
    let of_model = Limit {
        select: Select { models: Some(vec!["m".into()]), ..Select::default() },
        ..per("m", "1/day", &[Per::Principal])
    };
    let one = world(Behaviour::Echo, vec![of_model, per("by", "1/day", &[Per::Principal, Per::Model])]);
    for _ in 0..3 {
        assert_eq!(status(&one, "/v2/models/m", "alice@risk").await, 200);
        assert_eq!(status(&one, "/v2/models/stats", "alice@risk").await, 200);
    }
    assert_eq!(status(&one, INFER, "alice@risk").await, 200);
    assert_eq!(status(&one, INFER, "alice@risk").await, 429);
    let all = world(Behaviour::Echo, vec![per("all", "2/day", &[Per::Address])]);
    assert_eq!(status(&all, "/v2/models/m", "alice@risk").await, 200);
    assert_eq!(status(&all, "/v2/models/stats", "bob@risk").await, 200);
    assert_eq!(status(&all, "/v2/models/m", "alice@risk").await, 429, "an address of a tenant is one, whoever calls");
    assert_eq!(status(&all, INFER, "alice@risk").await, 429);
    for path in ["/v2/health/live", "/v2/health/ready", "/v2"] {
        assert_eq!(status(&all, path, "alice@risk").await, 200, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_without_limits_pays_and_tells_nothing() {
    let elsewhere = Limit {
        select: Select { listener: Some("other".into()), ..Select::default() },
        ..per("all", "1/day", &[Per::Address])
    };
    let world = world(Behaviour::Echo, vec![elsewhere]);
    for _ in 0..3 {
        let (status, headers) = ask(&world, INFER, "alice@risk").await;
        assert!(status == 200 && has_none(&headers), "{headers:?}");
    }
    assert!(world.gateway.current().listeners.values().all(|door| door.allowance.is_none()));
}

#[tokio::test(start_paused = true)]
async fn what_was_used_is_used_behind_a_reload_too() {
    let world = world(Behaviour::Echo, vec![per("each", "3/day", &[Per::Principal])]);
    assert_eq!(status(&world, INFER, "alice@risk").await, 200);
    assert_eq!(status(&world, INFER, "alice@risk").await, 200);
    let mut changed = resolved();
    configure(&mut changed, vec![limit("another", "100/s"), per("each", "4/day", &[Per::Principal])]);
    let builders: Builders = vec![("scripted", Arc::new(Builder(Behaviour::Echo, Arc::default())))];
    world.gateway.install(world.gateway.build(&changed, &builders).unwrap());
    assert_eq!(status(&world, INFER, "alice@risk").await, 200);
    assert_eq!(status(&world, INFER, "alice@risk").await, 200);
    assert_eq!(status(&world, INFER, "alice@risk").await, 429);
}

#[tokio::test(start_paused = true)]
async fn limits_without_anything_to_count_by_are_refused_at_their_place() {
    let mut resolved = resolved();
    resolved.limits = vec![limit("one", "1/s")];
    let gateway = Gateway::new(Arc::new(TokioClock), Arc::new(Sevens), Arc::new(Records::default()));
    let builders: Builders = vec![("scripted", Arc::new(Builder(Behaviour::Echo, Arc::default())))];
    let mistakes = gateway.build(&resolved, &builders).unwrap_err();
    assert_eq!(mistakes[0].to_string(), "test.yaml:1:1: limits are not in this build");
}

#[tokio::test(start_paused = true)]
async fn openais_clients_read_their_own_fields() {
    let world = world(Behaviour::Echo, vec![per("each", "2/h", &[Per::Principal])]);
    let body = r#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#;
    let headers = [("authorization", "Bearer alice@risk"), ("content-type", "application/json")];
    let (_, told, _) = world.ask("POST", CHAT, &headers, body).await;
    assert_eq!(named(&told, "x-ratelimit-limit-requests"), "2");
    assert_eq!(named(&told, "x-ratelimit-remaining-requests"), "1");
    assert_eq!(named(&told, "x-ratelimit-reset-requests"), "30m0s");
    world.ask("POST", CHAT, &headers, body).await;
    let (status, told, body) = world.ask("POST", CHAT, &headers, body).await;
    assert_eq!((status, named(&told, "retry-after")), (429, "1800"));
    assert_eq!(named(&told, "x-ratelimit-remaining-requests"), "0");
    let error: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let (kind, code) = (&error["error"]["type"], &error["error"]["code"]);
    assert_eq!((kind.as_str(), code.as_str()), (Some("rate_limit_error"), Some("rate_limited")));
}

/// gRPC messages in their frames.
fn framed(messages: &[&[u8]]) -> Body {
    let frame = |message: &&[u8]| [&[0, 0, 0, 0, u8::try_from(message.len()).unwrap()], *message].concat();
    Body::from(messages.iter().flat_map(frame).collect::<Vec<u8>>())
}

const GRPC: [(&str, &str); 3] = [("content-type", "application/grpc"), ("te", "trailers"), ("x-api-key", "alice@risk")];

#[tokio::test(start_paused = true)]
async fn over_grpc_it_is_resource_exhausted() {
    let world = world(Behaviour::Echo, vec![per("each", "1/day", &[Per::Principal])]);
    let path = "/inference.GRPCInferenceService/ModelReady";
    // Field 1, the name: `m`.
    let ready = || world.answer("POST", path, &GRPC, framed(&[b"\x0a\x01m"]));
    let first = ready().await;
    assert_eq!(named(&first.headers, "ratelimit"), r#""each";r=0;t=86400"#);
    let second = ready().await;
    assert_eq!((second.status.as_u16(), named(&second.headers, "grpc-status")), (200, "8"));
    assert_eq!(named(&second.headers, "ratelimit"), r#""each";r=0;t=86400"#);
}

#[tokio::test(start_paused = true)]
async fn each_message_of_a_stream_counts_and_the_stream_has_its_place() {
    let limits = || {
        let mut all = per("each", "2/day", &[Per::Principal]);
        all.concurrency = NonZeroU64::new(1);
        vec![all, places("of the model", 1, &[Per::Principal, Per::Model])]
    };
    let world = world(Behaviour::Echo, limits());
    let path = "/inference.GRPCInferenceService/ModelStreamInfer";
    let messages: [&[u8]; 3] = [b"\x0a\x01m"; 3];
    let stream = world.answer("POST", path, &GRPC, framed(&messages)).await;
    assert_eq!(stream.status, 200);
    assert_eq!(status(&world, "/v2/models/m", "alice@risk").await, 429, "the stream has the one place");
    let answers = stream.into_parts().1.collect().await.unwrap().to_bytes();
    let told = String::from_utf8_lossy(&answers);
    assert_eq!(told.matches("too many requests").count(), 1, "two pass of three: {told}");
    assert_eq!(world.seen.lock().len(), 2);
    assert_eq!(world.records.0.lock().last().unwrap().outcome.label(), "rate_limited");
    assert_eq!(status(&world, "/v2/models/m", "bob@risk").await, 200);
    assert_eq!(status(&world, "/v2/models/m", "alice@risk").await, 429, "both are used up");
}
