//! The request path against a backend that does as it is told.

mod expose;
mod grpc;
mod guard;
mod limits;
mod matrix;
mod observed;
mod overload;
mod resilience;
mod tokens;

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use sluicegate_config::{
    Admin, Backend, Balance, Listener, Method, Model, Overload, PolicyMode, Priority, Resilience, Resolved,
    StreamTimes, Version,
};
use sluicegate_core::{
    BackendModel, BackendPlan, Body, BodyError, BoxFuture, BuildError, BuildUpstream, Call, CallBody, CallClass,
    CallError, Clock, Dice, Endpoint, Fields, Inbound, InferResponse, Inquiry, Keys, Kind, LoadedModel, ModelMetadata,
    NonFinite, Outbound, Outcome, Protocol, Record, RecordSink, Reply, Sent, Span, Upstream,
};

use crate::build::Builders;
use crate::control::Gateway;
use crate::serve;

/// What the backend does when it is called.
#[derive(Clone, Copy, PartialEq)]
enum Behaviour {
    Echo,
    Raw,
    /// Speaks OpenAI's API: what it is asked is its answer.
    Talk,
    Fail(CallClass, Sent),
    FailWith(u16),
    Hang,
    Panic,
}

struct Scripted {
    behaviour: Behaviour,
    seen: Arc<Mutex<Vec<Fields>>>,
}

impl Upstream for Scripted {
    fn native(&self) -> Option<Protocol> {
        match self.behaviour {
            Behaviour::Raw => Some(Protocol::OipRest),
            Behaviour::Talk => Some(Protocol::OpenAi),
            _ => None,
        }
    }

    fn call<'a>(&'a self, _: &'a Endpoint, call: Call) -> BoxFuture<'a, Result<Reply, CallError>> {
        self.seen.lock().push(call.headers.clone());
        Box::pin(async move {
            match (self.behaviour, call.body) {
                (Behaviour::Echo, CallBody::Tensors(request)) => {
                    let response = InferResponse {
                        model_name: "the backend's name".into(),
                        model_version: Some("the backend's version".into()),
                        id: Some("made up".into()),
                        parameters: request.parameters.clone(),
                        outputs: request.inputs.clone(),
                    };
                    Ok(Reply::Tensors(response, None))
                }
                (Behaviour::Raw | Behaviour::Talk, CallBody::Wire(body)) => match body.collect().await {
                    Ok(bytes) => Ok(Reply::Wire(Outbound::new(Body::from(bytes.to_bytes())))),
                    Err(_) => Err(CallError::new(CallClass::Client, Sent::Partial, "the body broke")),
                },
                (Behaviour::Fail(class, sent), _) => Err(CallError::new(class, sent, "told to")),
                (Behaviour::FailWith(status), _) => {
                    let error = CallError::new(CallClass::Server, Sent::All, "told to");
                    Err(error.answered(status).telling("the server's own words"))
                }
                (Behaviour::Hang, _) => std::future::pending().await,
                (Behaviour::Panic, _) => panic!("told to"),
                (Behaviour::Echo | Behaviour::Raw | Behaviour::Talk, _) => panic!("the payload has the wrong form"),
            }
        })
    }

    fn metadata<'a>(&'a self, _: &'a Endpoint, _: Inquiry) -> BoxFuture<'a, Result<Option<ModelMetadata>, CallError>> {
        Box::pin(async { Ok(None) })
    }

    fn ready<'a>(&'a self, _: &'a Endpoint, _: Inquiry) -> BoxFuture<'a, Result<bool, CallError>> {
        Box::pin(async { Err(CallError::new(CallClass::Transport, Sent::Nothing, "told to")) })
    }
}

struct Builder(Behaviour, Arc<Mutex<Vec<Fields>>>);

impl BuildUpstream for Builder {
    fn build(&self, _: &BackendPlan) -> Result<Arc<dyn Upstream>, Vec<BuildError>> {
        Ok(Arc::new(Scripted { behaviour: self.0, seen: Arc::clone(&self.1) }))
    }
}

struct TokioClock;

impl Clock for TokioClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

struct Sevens;

impl Dice for Sevens {
    fn roll(&self) -> u64 {
        7
    }
}

#[derive(Default)]
struct Records(Mutex<Vec<Record>>, Mutex<Vec<(String, &'static str)>>, Mutex<Vec<(String, Kind)>>);

impl RecordSink for Records {
    fn begun(&self, _: &Arc<str>) {}

    fn ended(&self, record: &Record) {
        self.0.lock().push(record.clone());
    }

    fn limited(&self, limit: &Arc<str>, mode: &'static str) {
        self.1.lock().push((limit.to_string(), mode));
    }

    fn would_refuse(&self, model: &Arc<str>, kind: Kind) {
        self.2.lock().push((model.to_string(), kind));
    }
}

/// A gateway with one model `m` of two versions, on one backend.
struct World {
    gateway: Arc<Gateway>,
    records: Arc<Records>,
    seen: Arc<Mutex<Vec<Fields>>>,
}

impl World {
    fn new(behaviour: Behaviour) -> Self {
        Self::of(behaviour, &resolved(), |gateway| gateway)
    }

    /// The same, which knows `keys`, and of which `change` says the rest.
    fn with(behaviour: Behaviour, keys: Arc<dyn Keys>, change: impl FnOnce(&mut Resolved)) -> Self {
        let mut resolved = resolved();
        change(&mut resolved);
        Self::of(behaviour, &resolved, |gateway| gateway.with_keys(keys))
    }

    fn of(behaviour: Behaviour, resolved: &Resolved, make: impl FnOnce(Gateway) -> Gateway) -> Self {
        let (records, seen) = (Arc::new(Records::default()), Arc::default());
        let sink = Arc::clone(&records) as Arc<dyn RecordSink>;
        let gateway = Arc::new(make(Gateway::new(Arc::new(TokioClock), Arc::new(Sevens), sink)));
        let builders: Builders = vec![("scripted", Arc::new(Builder(behaviour, Arc::clone(&seen))))];
        let built = gateway.build(resolved, &builders).unwrap();
        gateway.install(built);
        Self { gateway, records, seen }
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Fields, Bytes) {
        let (head, body) = self.answer(method, path, headers, Body::from(body.to_owned())).await.into_parts();
        (head.status.as_u16(), head.headers, body.collect().await.unwrap().to_bytes())
    }

    async fn answer(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Outbound {
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let head = Box::new(request.body(()).unwrap().into_parts().0.into());
        let peer = ([127, 0, 0, 1], 1).into();
        serve(&self.gateway, Inbound { listener: Arc::from("l"), peer, head, body }).await
    }

    fn record(&self) -> Record {
        let records = self.records.0.lock();
        assert_eq!(records.len(), 1, "one record a request");
        records[0].clone()
    }
}

fn resolved() -> Resolved {
    let span = Span { file: Arc::from("test.yaml"), line: 1, column: 1 };
    let version = |name: &str| Version {
        name: Arc::from(name),
        backend: Arc::from("b"),
        model: BackendModel { name: Arc::from("m"), version: Some(Arc::from(name)) },
        source: None,
        span: span.clone(),
    };
    let loaded = |name: &str| LoadedModel { model: version(name).model, source: None };
    let backend = BackendPlan {
        name: Arc::from("b"),
        kind: "scripted",
        settings: Arc::new(()),
        fingerprint: String::new(),
        span: span.clone(),
        endpoints: vec![Endpoint { authority: Arc::from("somewhere:1"), prefix: Arc::from(""), host: None, tls: None }],
        connect_timeout: Duration::from_secs(1),
        models: vec![loaded("1"), loaded("2")],
    };
    let model = Model {
        name: Arc::from("m"),
        owner: None,
        versions: vec![version("1"), version("2")],
        stable: 1,
        timeout: Duration::from_secs(5),
        priority: Priority::Normal,
        stream: times(),
        non_finite: NonFinite::Token,
        access: None,
        policy: PolicyMode::Enforce,
        span: span.clone(),
    };
    let listener = Listener {
        name: Arc::from("l"),
        address: ([127, 0, 0, 1], 0).into(),
        authenticate: vec![Method::Anonymous],
        management: false,
        priority: None,
        tls: None,
        hosts: None,
        expose: None,
        exposure: sluicegate_config::Exposure::External,
        trusted_proxies: Vec::new(),
        proxy_protocol: Vec::new(),
        limits: limits(),
        span: span.clone(),
    };
    Resolved {
        digest: Arc::from("d1"),
        listeners: vec![listener],
        admin: Admin { address: None, span },
        grace: Duration::ZERO,
        replace_timeout: Duration::ZERO,
        delay: Duration::ZERO,
        overload: Overload { requests: 1000, memory: None },
        stream: times(),
        identity: sluicegate_config::Identity::default(),
        state: None,
        backends: vec![Backend {
            plan: backend,
            weights: vec![1],
            sources: Vec::new(),
            resilience: Resilience::default(),
        }],
        models: vec![model],
        tenants: Vec::new(),
        limits: Vec::new(),
        warnings: Vec::new(),
    }
}

fn times() -> StreamTimes {
    StreamTimes { idle: Duration::from_secs(5), total: Duration::from_secs(60) }
}

fn limits() -> sluicegate_config::Limits {
    let second = Duration::from_secs(1);
    sluicegate_config::Limits {
        head: 1,
        header_list: None,
        headers: 1,
        body: 1,
        head_timeout: second,
        body_timeout: second,
        idle_timeout: second,
        handshake_timeout: second,
        handshakes: 1,
        connections: 1,
        per_address: None,
        body_min_rate: 0,
        streams: Some(1),
    }
}

fn named<'a>(headers: &'a Fields, name: &str) -> &'a str {
    headers.get(name).unwrap().as_str().unwrap()
}

const BODY: &str =
    r#"{"id":"mine","inputs":[{"name":"x","shape":[2],"datatype":"INT64","data":[1,9007199254740993]}]}"#;

#[tokio::test]
async fn tensors_come_back_under_the_clients_names() {
    let world = World::new(Behaviour::Echo);
    let (status, headers, body) = world.ask("POST", "/v2/models/m/infer", &[], BODY).await;
    assert_eq!(status, 200);
    assert_eq!((named(&headers, "sluicegate-model"), named(&headers, "sluicegate-version")), ("m", "2"));
    let answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((answer["model_name"].as_str(), answer["model_version"].as_str()), (Some("m"), Some("2")));
    assert_eq!(
        (answer["id"].as_str(), &answer["outputs"][0]["data"]),
        (Some("mine"), &serde_json::json!([1, 9_007_199_254_740_993_u64]))
    );
    let record = world.record();
    assert_eq!(
        (record.outcome, record.status, record.version().map(|name| &**name)),
        (Outcome::Answered, 200, Some("2"))
    );
    assert_eq!((record.traffic.received, record.traffic.sent), (BODY.len() as u64, body.len() as u64));
}

#[tokio::test]
async fn large_tensors_in_json_hold_up_no_other_request() {
    let world = World::new(Behaviour::Echo);
    let numbers = vec!["0.125"; 600_000];
    let large = format!(
        r#"{{"inputs":[{{"name":"x","shape":[{}],"datatype":"FP32","data":[{}]}}]}}"#,
        numbers.len(),
        numbers.join(",")
    );
    let mut large = pin!(world.ask("POST", "/v2/models/m/infer", &[], &large));
    assert!(large.as_mut().now_or_never().is_none(), "it was read on this thread");
    let small = world.ask("POST", "/v2/models/m/infer", &[], BODY).now_or_never();
    assert_eq!(small.map(|(status, ..)| status), Some(200));
    let (status, _, body) = large.await;
    assert_eq!((status, body.windows(6).filter(|text| *text == b"0.125,").count()), (200, 599_999));
}

#[tokio::test]
async fn the_version_in_the_path_wins_over_the_stable_one() {
    let world = World::new(Behaviour::Echo);
    let (status, headers, _) = world.ask("POST", "/v2/models/m/versions/1/infer", &[], BODY).await;
    assert_eq!((status, named(&headers, "sluicegate-version")), (200, "1"));
}

#[tokio::test]
async fn untouched_bytes_pass_untouched() {
    let world = World::new(Behaviour::Raw);
    let odd = "{ \"inputs\" : 1e400, \"unknown\": [ ] }";
    let (status, _, body) = world.ask("POST", "/v2/models/m/infer", &[("content-type", "a/b")], odd).await;
    assert_eq!((status, &body[..]), (200, odd.as_bytes()));
    assert_eq!(world.seen.lock()[0].get("content-type").unwrap(), "a/b");
    assert_eq!(world.record().traffic.received, odd.len() as u64);
}

struct Breaking(BodyError);

impl http_body::Body for Breaking {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, BodyError>>> {
        std::task::Poll::Ready(Some(Err(self.0.clone())))
    }
}

#[tokio::test]
async fn a_body_that_breaks_is_the_clients_fault_read_or_untouched() {
    for (error, status) in
        [(BodyError::TooLarge { limit: 9 }, 413), (BodyError::TimedOut, 408), (BodyError::Broken("reset".into()), 400)]
    {
        for behaviour in [Behaviour::Echo, Behaviour::Raw] {
            let world = World::new(behaviour);
            let body = Body::stream(Breaking(error.clone()));
            let answer = world.answer("POST", "/v2/models/m/infer", &[], body).await;
            assert_eq!(answer.status, status, "{error}");
        }
    }
}

#[tokio::test]
async fn ids_go_upstream_and_credentials_do_not() {
    let world = World::new(Behaviour::Echo);
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [
        ("x-request-id", "r"),
        ("traceparent", parent),
        ("tracestate", "a=b"),
        ("authorization", "s"),
        ("cookie", "c"),
        ("x-own", "o"),
    ];
    world.ask("POST", "/v2/models/m/infer", &headers, BODY).await;
    let seen = world.seen.lock()[0].clone();
    assert_eq!(seen.get("x-request-id").unwrap(), "r");
    assert_eq!(seen.get("traceparent").unwrap(), "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000007-01");
    assert_eq!(seen.get("tracestate").unwrap(), "a=b");
    assert!(!seen.contains("authorization") && !seen.contains("cookie"));
    assert_eq!(seen.get("x-own").unwrap(), "o", "a client's own fields are the model's to read");
}

#[tokio::test]
async fn failures_become_refusals() {
    for (class, sent, status) in [
        (CallClass::Client, Sent::All, 400),
        (CallClass::NotFound, Sent::All, 503),
        (CallClass::NotReady, Sent::All, 503),
        (CallClass::Pushback, Sent::All, 503),
        (CallClass::Transport, Sent::Nothing, 503),
        (CallClass::Transport, Sent::Partial, 502),
        (CallClass::Server, Sent::All, 502),
        (CallClass::Timeout, Sent::All, 504),
    ] {
        let world = World::new(Behaviour::Fail(class, sent));
        let (answered, headers, body) = world.ask("POST", "/v2/models/m/infer", &[], BODY).await;
        assert_eq!(answered, status, "{class:?}");
        assert!(!String::from_utf8_lossy(&body).contains("told to"), "the cause is for operators");
        assert_eq!(headers.contains("retry-after"), status == 503, "{class:?}");
        assert_eq!(world.record().cause.as_deref(), Some("told to"));
    }
}

#[tokio::test]
async fn an_error_of_the_backends_keeps_its_status_and_words() {
    let world = World::new(Behaviour::FailWith(507));
    let (status, _, body) = world.ask("POST", "/v2/models/m/infer", &[], BODY).await;
    assert_eq!((status, &body[..]), (507, &br#"{"error":"the server's own words"}"#[..]));
    assert_eq!((world.record().outcome, world.record().status), (Outcome::UpstreamError, 507));
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    let world = World::new(Behaviour::Panic);
    let (status, _, body) = world.ask("POST", "/v2/models/m/infer", &[], BODY).await;
    assert_eq!(status, 500);
    assert!(!String::from_utf8_lossy(&body).contains("told to"));
    assert_eq!(world.ask("GET", "/v2/health/live", &[], "").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn the_models_time_bounds_the_call() {
    let world = World::new(Behaviour::Hang);
    let before = tokio::time::Instant::now();
    let (status, ..) = world.ask("POST", "/v2/models/m/infer", &[], BODY).await;
    assert_eq!((status, before.elapsed().as_secs()), (504, 5));
    assert_eq!(world.record().upstream, world.record().total);
}

#[tokio::test]
async fn a_client_that_leaves_is_recorded_once() {
    let world = World::new(Behaviour::Hang);
    {
        let asked = world.ask("POST", "/v2/models/m/infer", &[], BODY);
        tokio::pin!(asked);
        assert!(futures_util::future::poll_immediate(asked.as_mut()).await.is_none());
    }
    let record = world.record();
    assert_eq!((record.outcome.label(), record.status), ("client_gone", 499));
    let world = World::new(Behaviour::Echo);
    drop(world.answer("POST", "/v2/models/m/infer", &[], Body::from(BODY.to_owned())).await);
    assert_eq!(world.record().outcome.label(), "client_gone", "the answer was never read");
}

#[tokio::test]
async fn unknown_things_are_refused_and_are_no_labels() {
    for (method, path, status) in [
        ("GET", "/v2/models/other", 404),
        ("GET", "/v2/models/m/versions/9", 404),
        ("GET", "/", 404),
        ("PUT", "/v2/models/m/infer", 405),
        ("POST", "/v2/models/..%2fm/infer", 400),
    ] {
        let world = World::new(Behaviour::Echo);
        assert_eq!(world.ask(method, path, &[], "").await.0, status, "{path}");
        assert!(world.record().model.as_deref().is_none_or(|model| model == "m"));
    }
}

#[tokio::test]
async fn a_listener_that_lets_nobody_in_answers_alike_everywhere() {
    let world = World::new(Behaviour::Echo);
    let mut closed = resolved();
    closed.digest = Arc::from("d2");
    closed.listeners[0].authenticate.clear();
    let built = world.gateway.build(&closed, &vec![]).unwrap();
    world.gateway.install(built);
    let mut bodies = Vec::new();
    for path in ["/v2/models/m/infer", "/v2/models/other/infer", "/v2", "/nowhere", "/v2/health/live"] {
        let (status, _, body) = world.ask("POST", path, &[], BODY).await;
        assert_eq!(status, 401, "{path}");
        bodies.push(body);
    }
    assert!(
        bodies.windows(2).all(|pair| pair[0] == pair[1]),
        "nothing tells a model that exists from one that does not"
    );
}

#[tokio::test]
async fn inquiries_are_answered_for_backends_that_cannot_say() {
    let world = World::new(Behaviour::Echo);
    let (status, _, body) = world.ask("GET", "/v2/models/m", &[], "").await;
    let answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (status, &answer["versions"], &answer["inputs"]),
        (200, &serde_json::json!(["1", "2"]), &serde_json::json!([]))
    );
    assert_eq!(world.ask("GET", "/v2/models/m/ready", &[], "").await.0, 503);
}

#[tokio::test]
async fn what_is_equal_is_carried_over() {
    let world = World::new(Behaviour::Echo);
    let before = Arc::clone(&world.gateway.current().backends["b"]);
    let mut changed = resolved();
    changed.models[0].timeout = Duration::from_secs(1);
    // No builder: building the backend anew would fail.
    let built = world.gateway.build(&changed, &vec![]).unwrap();
    world.gateway.install(built);
    assert!(Arc::ptr_eq(&before, &world.gateway.current().backends["b"]));
    changed.backends[0].plan.fingerprint = "other".into();
    assert!(world.gateway.build(&changed, &vec![]).is_err(), "a changed backend is built anew");
    assert_eq!(world.gateway.status().generation, 2);
}

#[tokio::test]
async fn draining_is_seen_by_those_who_ask() {
    let world = World::new(Behaviour::Echo);
    assert_eq!(world.ask("GET", "/v2/health/ready", &[], "").await.0, 200);
    world.gateway.begin_drain();
    assert_eq!(world.ask("GET", "/v2/health/ready", &[], "").await.0, 503);
    assert_eq!(world.ask("GET", "/v2/health/live", &[], "").await.0, 200);
    assert_eq!(world.ask("POST", "/v2/models/m/infer", &[], BODY).await.0, 200);
}

#[tokio::test]
async fn a_sequence_stays_on_one_endpoint() {
    let world = World::new(Behaviour::Echo);
    let mut two = resolved();
    two.backends[0].weights = vec![1, 1];
    two.backends[0].resilience.balance = Balance::RoundRobin;
    two.backends[0].plan.endpoints = ["one:1", "two:1"]
        .map(|at| Endpoint { authority: Arc::from(at), prefix: Arc::from(""), host: None, tls: None })
        .to_vec();
    let builders: Builders = vec![("scripted", Arc::new(Builder(Behaviour::Echo, Arc::default())))];
    let built = world.gateway.build(&two, &builders).unwrap();
    world.gateway.install(built);
    let input = r#""inputs":[{"name":"x","shape":[1],"datatype":"INT64","data":[1]}]"#;
    for turn in 0..6 {
        let body = format!(r#"{{"parameters":{{"sequence_id":5,"sequence_end":{}}},{input}}}"#, turn == 5);
        world.ask("POST", "/v2/models/m/infer", &[], &body).await;
        // Others in between take turns.
        world.ask("POST", "/v2/models/m/infer", &[], &format!("{{{input}}}")).await;
    }
    let records = world.records.0.lock();
    let endpoints: Vec<&str> = records.iter().map(|record| record.endpoint.as_deref().unwrap()).collect();
    let (sequence, others): (Vec<_>, Vec<_>) = endpoints.iter().enumerate().partition(|(index, _)| index % 2 == 0);
    assert!(sequence.iter().all(|(_, at)| *at == sequence[0].1), "{endpoints:?}");
    assert!(others.iter().any(|(_, at)| *at != others[0].1), "{endpoints:?}");
}
