//! Servers of the OpenAI API behind the upstream port.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, future};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use sluicegate_adapters::http::TcpConnector;
use sluicegate_adapters::upstream::openai::{Factory, KIND};
use sluicegate_core::fields::Name;
use sluicegate_core::{
    BackendPlan, Body, BodyError, BuildUpstream, Call, CallBody, CallClass, CallError, Clock, Deadline, Endpoint,
    Fields, Inquiry, Node, Operation, Protocol, Reply, Response, Sent, Span, Upstream, Value,
};
use sluicegate_testkit::{self as testkit, Ended, Event, FakeClock, PATIENCE, Response as Split, Script, Step, within};

use crate::support::{bytes, endpoint, model, one};

/// One backend in front of one scripted server.
struct Fixture {
    server: testkit::Upstream,
    upstream: Arc<dyn Upstream>,
    endpoint: Endpoint,
    clock: Arc<FakeClock>,
}

impl Fixture {
    async fn new(script: Script) -> Self {
        Self::below("", script).await
    }

    /// Whose paths stand below `prefix`.
    async fn below(prefix: &str, script: Script) -> Self {
        let server = testkit::Upstream::start(script).await;
        let endpoint = Endpoint { prefix: prefix.into(), ..endpoint(&server.authority()) };
        let clock = Arc::new(FakeClock::following_tokio());
        let span = Span { file: Arc::from("gateway.yaml"), line: 1, column: 1 };
        let node = Node { value: Value::Map(Vec::new()), span: span.clone() };
        let plan = BackendPlan {
            name: Arc::from("llama"),
            kind: KIND.kind,
            settings: (KIND.decode)(&node).unwrap(),
            fingerprint: node.canonical(),
            span,
            endpoints: vec![endpoint.clone()],
            connect_timeout: PATIENCE,
            models: Vec::new(),
        };
        let time: Arc<dyn Clock> = Arc::<FakeClock>::clone(&clock);
        let upstream = Factory::new(Arc::new(TcpConnector), time).build(&plan).unwrap();
        Self { server, upstream, endpoint, clock }
    }

    fn late(&self) -> Deadline {
        Deadline(self.clock.now() + PATIENCE * 2)
    }

    async fn call(&self, operation: Operation, body: CallBody, deadline: Deadline) -> Result<Reply, CallError> {
        let headers = Fields::from_iter([
            (HeaderName::from_static("content-type"), HeaderValue::from_static("application/json")),
            (HeaderName::from_static("accept-encoding"), HeaderValue::from_static("gzip")),
            (HeaderName::from_static("x-request-id"), HeaderValue::from_static("r-1")),
        ]);
        let call = Call { operation, model: model("tiny"), body, headers, deadline };
        within("an answer", self.upstream.call(&self.endpoint, call)).await
    }

    async fn pass(&self, operation: Operation) -> Result<Response<Body>, CallError> {
        let body = CallBody::Wire(REQUEST.to_owned().into());
        match self.call(operation, body, self.late()).await? {
            Reply::Wire(answer) => Ok(answer),
            reply @ (Reply::Tensors(..) | Reply::Unnamed(..)) => panic!("bytes went in, {reply:?} came out"),
        }
    }

    fn inquiry(&self) -> Inquiry {
        Inquiry { model: model("tiny"), headers: Fields::new(), deadline: self.late() }
    }
}

const REQUEST: &str = r#"{"model":"tiny","messages":[]}"#;

const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

fn chunk(text: &str) -> Bytes {
    format!("{:x}\r\n{text}\r\n", text.len()).into()
}

#[tokio::test]
async fn each_operation_has_its_path() {
    for (prefix, operation, path) in [
        ("", Operation::Chat, "/v1/chat/completions"),
        ("", Operation::Complete, "/v1/completions"),
        ("", Operation::Respond, "/v1/responses"),
        ("/openai", Operation::Embed, "/openai/v1/embeddings"),
    ] {
        let fixture = Fixture::below(prefix, Script::always(Script::json("200 OK", r#"{ "model":"tiny" }"#))).await;
        let answer = fixture.pass(operation).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(bytes(answer.body).await.unwrap(), r#"{ "model":"tiny" }"#);
        let sent = fixture.server.recorder().text(0);
        let (head, body) = sent.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("POST {path} HTTP/1.1\r\n")), "{head}");
        assert!(head.contains("content-type: application/json") && head.contains("x-request-id: r-1"), "{head}");
        assert!(head.contains(&format!("content-length: {}", REQUEST.len())), "{head}");
        assert!(!head.contains("accept-encoding"), "{head}");
        assert_eq!(body, REQUEST);
    }
}

#[tokio::test]
async fn it_takes_its_own_protocol_and_nothing_else() {
    let fixture = Fixture::new(Script::new()).await;
    assert_eq!(fixture.upstream.native(), Some(Protocol::OpenAi));
    for (operation, body) in [
        (Operation::Infer, CallBody::from(one())),
        (Operation::Chat, CallBody::from(one())),
        (Operation::Infer, CallBody::Wire(Body::Empty)),
        (Operation::Manage, CallBody::Wire(Body::Empty)),
    ] {
        let error = fixture.call(operation, body, fixture.late()).await.unwrap_err();
        assert_eq!((error.class, error.sent), (CallClass::Client, Sent::Nothing));
    }
    assert_eq!(fixture.server.recorder().connections(), 0);
}

#[tokio::test]
async fn a_stream_passes_byte_for_byte_and_each_event_at_once() {
    let events = ["data: {\"a\":\"\u{e9}\"}\r\n\r\n", ": ping\n\n", "data: {\"b", "\":1}\n\ndata: [DONE]\n\n"];
    let gates: Vec<Event> = events.iter().map(|_| Event::new()).collect();
    let mut script = Script::new().then(Step::ReadRequest).send(STREAM);
    for (event, gate) in events.iter().zip(&gates) {
        script = script.send(chunk(event)).then(Step::Wait(gate.clone()));
    }
    let fixture = Fixture::new(script.send("0\r\n\r\n")).await;
    let answer = fixture.pass(Operation::Chat).await.unwrap();
    assert_eq!(answer.headers.get("content-type").unwrap(), "text/event-stream");
    let mut body = answer.body.into_data_stream();
    for (event, gate) in events.iter().zip(&gates) {
        // The server goes on only when this has arrived.
        let piece = within("the next event", body.next()).await.unwrap().unwrap();
        assert_eq!(piece, event.as_bytes());
        gate.release();
    }
    assert!(within("the end", body.next()).await.is_none());
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_servers_work() {
    let never = Event::new();
    let script = Script::new().then(Step::ReadRequest).send(STREAM).send(chunk("data: 1\n\n"));
    let fixture = Fixture::new(script.then(Step::Wait(never.clone()))).await;
    let mut body = fixture.pass(Operation::Chat).await.unwrap().body.into_data_stream();
    within("the first event", body.next()).await.unwrap().unwrap();
    drop(body);
    assert_eq!(fixture.server.recorder().wait_ended(0).await, Ended::ByClient);

    // Before the answer's head, too.
    let begun = Event::new();
    let script = Script::new().then(Step::ReadRequest).then(Step::Tell(begun.clone())).then(Step::Wait(never));
    let fixture = Fixture::new(script).await;
    let call = Box::pin(fixture.pass(Operation::Chat));
    let came = Box::pin(within("the request", begun.wait()));
    match future::select(call, came).await {
        future::Either::Left((answer, _)) => panic!("answered: {answer:?}"),
        future::Either::Right(((), call)) => drop(call),
    }
    assert_eq!(fixture.server.recorder().wait_ended(0).await, Ended::ByClient);
}

#[tokio::test]
async fn a_stream_that_breaks_says_so() {
    let script = Script::new().then(Step::ReadRequest).send(STREAM).send(chunk("data: 1\n\n")).send("5\r\nda");
    let fixture = Fixture::new(script).await;
    let body = fixture.pass(Operation::Chat).await.unwrap().body;
    assert!(matches!(bytes(body).await, Err(BodyError::Broken(_))));
}

#[tokio::test]
async fn a_deadline_that_has_passed_sends_nothing() {
    let fixture = Fixture::new(Script::new()).await;
    let deadline = Deadline(fixture.clock.now());
    let error = fixture.call(Operation::Chat, CallBody::Wire(Body::Empty), deadline).await.unwrap_err();
    assert_eq!((error.class, error.sent), (CallClass::Timeout, Sent::Nothing));
}

#[tokio::test]
async fn errors_keep_their_status_and_body_less_addresses() {
    let told = r#"{"error":{"message":"too long, see http://10.9.8.7:1/a","type":"invalid_request_error","code":400}}"#;
    for status in ["400 Bad Request", "404 Not Found", "429 Too Many Requests", "500 Internal Server Error"] {
        let answer = Script::response(
            status,
            &[("content-type", "application/json"), ("retry-after", "7"), ("server", "llama.cpp"), ("set-cookie", "a")],
            told,
        );
        let fixture = Fixture::new(Script::always(answer)).await;
        let answer = fixture.pass(Operation::Chat).await.unwrap();
        assert!(status.starts_with(answer.status.as_str()));
        let mut names: Vec<&str> = answer.headers.names().map(Name::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-type", "retry-after"]);
        let body = bytes(answer.body).await.unwrap();
        assert_eq!(body, told.replace("http://10.9.8.7:1/a", "(address)"));
    }
}

#[tokio::test]
async fn what_tells_of_the_gateways_own_standing_is_for_operators() {
    for status in ["302 Found", "401 Unauthorized", "403 Forbidden"] {
        let answer = Script::response(status, &[("location", "http://10.0.0.1/")], r#"{"error":"bad key sk-1"}"#);
        let fixture = Fixture::new(Script::always(answer)).await;
        let error = fixture.pass(Operation::Chat).await.unwrap_err();
        assert_eq!((error.class, error.status, error.public), (CallClass::Server, None, None), "{status}");
    }
}

/// Answers by path; what is not named gets the 404 of a web framework's router.
fn server(paths: &'static [(&'static str, &'static str, &'static str)]) -> Script {
    Script::answering(move |request| {
        let head = Split::split(request).head;
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let found = paths.iter().find(|(known, ..)| *known == path);
        let (status, body) =
            found.map_or(("404 Not Found", r#"{"detail":"Not Found"}"#), |(_, status, body)| (status, body));
        Script::json(status, body).to_vec()
    })
}

async fn ready(paths: &'static [(&'static str, &'static str, &'static str)]) -> Result<bool, CallClass> {
    let fixture = Fixture::new(server(paths)).await;
    let asked = fixture.upstream.ready(&fixture.endpoint, fixture.inquiry());
    within("readiness", asked).await.map_err(|error| error.class)
}

/// The name of the model described.
async fn metadata(paths: &'static [(&'static str, &'static str, &'static str)]) -> Result<Option<String>, CallClass> {
    let fixture = Fixture::new(server(paths)).await;
    let asked = fixture.upstream.metadata(&fixture.endpoint, fixture.inquiry());
    within("metadata", asked).await.map(|found| found.map(|found| found.name)).map_err(|error| error.class)
}

const MODELS: &str = "/v1/models";
const HEALTH: &str = "/health";
const TINY: &str = r#"{"object":"list","data":[{"id":"other"},{"id":"tiny","object":"model"}]}"#;
const OTHER: &str = r#"{"object":"list","data":[{"id":"other"}]}"#;
const LOADING: &str = r#"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#;

#[tokio::test]
async fn a_model_is_ready_when_it_is_listed_and_the_server_well() {
    assert_eq!(ready(&[(MODELS, "200 OK", TINY), (HEALTH, "200 OK", r#"{"status":"ok"}"#)]).await, Ok(true));
    assert_eq!(ready(&[(MODELS, "200 OK", TINY)]).await, Ok(true), "no path for health");
    assert_eq!(ready(&[(HEALTH, "200 OK", "")]).await, Ok(true), "no path for models");
    assert_eq!(ready(&[]).await, Ok(true), "no path for either");
    assert_eq!(ready(&[(MODELS, "200 OK", TINY), (HEALTH, "503 Service Unavailable", LOADING)]).await, Ok(false));
    assert_eq!(ready(&[(HEALTH, "503 Service Unavailable", "")]).await, Ok(false));
    assert_eq!(ready(&[(MODELS, "200 OK", OTHER), (HEALTH, "200 OK", "")]).await, Err(CallClass::NotFound));
    assert_eq!(ready(&[(MODELS, "401 Unauthorized", "")]).await, Err(CallClass::Server));
    assert_eq!(ready(&[(MODELS, "503 Service Unavailable", LOADING)]).await, Err(CallClass::NotReady));
    assert_eq!(ready(&[(MODELS, "200 OK", TINY), (HEALTH, "500 Internal Server Error", "")]).await, {
        Err(CallClass::Server)
    });
}

#[tokio::test]
async fn a_model_is_described_by_its_name_alone() {
    assert_eq!(metadata(&[(MODELS, "200 OK", TINY)]).await, Ok(Some("tiny".to_owned())));
    assert_eq!(metadata(&[(MODELS, "200 OK", OTHER)]).await, Ok(None));
    assert_eq!(metadata(&[(MODELS, "200 OK", "<html>")]).await, Ok(None));
    assert_eq!(metadata(&[]).await, Ok(None));
    assert_eq!(metadata(&[(MODELS, "500 Internal Server Error", "")]).await, Err(CallClass::Server));
}
