//! Streams through one whole gateway in memory: how long they may take, what is held of them, and who is told when they
//! break off. Time is paused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http_body_util::{BodyExt as _, StreamBody};
use sluicegate_adapters::http::{Answer, Client, Patience, Speaks, request};
use sluicegate_core::{Body, Clock as _, Deadline, Endpoint, Fields, Response};
use sluicegate_testkit::{FakeClock, MemoryDialer, MemoryListener, MemoryNet, Wire};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::Instant;

use crate::inside::{Dial, World, gateway};
use crate::support::root;

/// A model whose server's own bytes pass, under its own name; and the same whose answers must be read.
fn front(stream: &str) -> String {
    format!(
        "version: 1
listeners: {{ l: {{ address: 127.0.0.1:1, authenticate: [anonymous] }} }}
defaults: {{ stream: {stream} }}
backends:
  b: {{ protocol: oip-rest, binary: always, endpoints: [\"http://backend:1\"] }}
  o: {{ protocol: openai, endpoints: [\"http://backend:1\"] }}
  e: {{ protocol: embedded }}
models:
  tokens: {{ backend: b }}
  renamed: {{ backend: b, model: tokens }}
  chats: {{ backend: o, model: tokens }}
  iris: {{ backend: e, source: {} }}
",
        root().join("examples/quickstart/models/iris.onnx").display()
    )
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

fn event(index: usize) -> String {
    format!("data: {{\"model_name\":\"tokens\",\"model_version\":\"1\",\"token\":\"{index}\"}}\n\n")
}

fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}

/// A server with one decoupled model. Asked for its answers, `answer` has the connection.
fn backend<F>(answer: impl Fn(DuplexStream) -> F + Clone + Send + Sync + 'static) -> MemoryDialer
where
    F: Future<Output = ()> + Send + 'static,
{
    let (listener, dialer) = MemoryNet::anywhere();
    tokio::spawn(serve(listener, answer));
    dialer
}

async fn serve<F>(mut listener: MemoryListener, answer: impl Fn(DuplexStream) -> F + Clone + Send + Sync + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    const NOT_ONE: &str = r#"{"error":"HTTP end point doesn't support models with decoupled transaction policy"}"#;
    const DESCRIBED: &str = r#"{"name":"tokens","platform":"python","inputs":[{"name":"prompt","datatype":"BYTES","shape":[1]}],"outputs":[{"name":"token","datatype":"BYTES","shape":[1]}]}"#;
    while let Ok((connection, _)) = listener.accept().await {
        let answer = answer.clone();
        tokio::spawn(async move {
            let mut wire = Wire::over(connection);
            loop {
                let request = wire.read_response().await;
                let short = match request.head.lines().next().unwrap_or_default() {
                    line if line.contains("/generate_stream ") || line.contains("/chat/completions ") => {
                        return answer(wire.into_inner()).await;
                    }
                    line if line.starts_with("GET ") => {
                        format!("200 OK\r\ncontent-length: {}\r\n\r\n{DESCRIBED}", DESCRIBED.len())
                    }
                    _ => format!("501 Not Implemented\r\ncontent-length: {}\r\n\r\n{NOT_ONE}", NOT_ONE.len()),
                };
                wire.send(format!("HTTP/1.1 {short}")).await;
            }
        });
    }
}

/// Sends a few events, then nothing, and waits to be left.
async fn falls_silent(mut connection: DuplexStream) {
    connection.write_all((HEAD.to_owned() + &chunk(&event(0)) + &chunk(&event(1))).as_bytes()).await.unwrap();
    let _ = connection.read_to_end(&mut Vec::new()).await;
}

/// Sends an event a second, until nobody reads.
async fn goes_on(mut connection: DuplexStream) {
    let mut text = HEAD.to_owned();
    for index in 0.. {
        text.push_str(&chunk(&event(index)));
        if connection.write_all(text.as_bytes()).await.is_err() {
            return;
        }
        text.clear();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn generate(model: &str) -> String {
    post(&format!("/v2/models/{model}/generate_stream"), r#"{"prompt":"a"}"#)
}

fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// The answer of a stream and how long it took.
async fn asked(world: &World, model: &str) -> (String, Duration) {
    send(world, generate(model)).await
}

async fn send(world: &World, request: String) -> (String, Duration) {
    let mut client = Wire::over(world.door.connect().await.unwrap()).patient(Duration::from_secs(3600));
    let before = Instant::now();
    client.send(request).await;
    let answer = client.read_response().await;
    assert!(answer.head.starts_with("HTTP/1.1 200"), "{}", answer.head);
    (answer.text(), before.elapsed())
}

/// The label of the one request's outcome.
async fn outcome(world: &World) -> String {
    sluicegate_testkit::wait_for(|| world.records.0.lock().len() == 1, "the record").await;
    world.records.0.lock()[0].outcome.label().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_falls_silent_ends_with_an_error_its_reader_sees() {
    for model in ["tokens", "renamed"] {
        let world = gateway(&front("{ idle: 5s, total: 60s }"), backend(falls_silent));
        let (text, took) = asked(&world, model).await;
        assert!(text.contains(r#""token":"1"}"#), "{model}: {text}");
        assert!(text.contains("data: {\"error\":\"the model did not go on in time\"}\n\n"), "{model}: {text}");
        assert_eq!(took, Duration::from_secs(5), "{model}");
        assert_eq!(outcome(&world).await, "deadline_exceeded", "{model}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_chat_has_the_same_limits_whatever_the_models_timeout() {
    let chat = || post("/v1/chat/completions", r#"{"model":"chats","stream":true}"#);
    let world = gateway(&front("{ idle: 5s, total: 60s }"), backend(falls_silent));
    let (text, took) = send(&world, chat()).await;
    assert!(text.contains(r#""token":"1"}"#), "{text}");
    let told = text.find(r#"data: {"error":{"code":"deadline_exceeded""#);
    assert!(told > text.find(r#""token":"1"}"#), "{text}");
    assert_eq!(took, Duration::from_secs(5));
    assert_eq!(outcome(&world).await, "deadline_exceeded");
    // An event a second, far beyond the ten seconds that a model has to answer.
    let world = gateway(&front("{ idle: 5s, total: 60s }"), backend(goes_on));
    let (text, took) = send(&world, chat()).await;
    assert!(text.contains(r#""token":"58"}"#) && text.contains("deadline_exceeded"), "{text}");
    assert_eq!(took, Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_goes_on_for_ever_is_ended() {
    for model in ["tokens", "renamed"] {
        let world = gateway(&front("{ idle: 5s, total: 60s }"), backend(goes_on));
        let (text, took) = asked(&world, model).await;
        assert!(text.contains(r#""token":"58"}"#), "{model}: {text}");
        assert!(text.contains("data: {\"error\":\"the model did not come to an end in time\"}\n\n"), "{model}: {text}");
        assert_eq!(took, Duration::from_secs(60), "{model}");
        assert_eq!(outcome(&world).await, "deadline_exceeded", "{model}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_breaks_off_is_no_good_end() {
    async fn breaks_off(mut connection: DuplexStream) {
        let half = &event(1)[..20];
        connection.write_all((HEAD.to_owned() + &chunk(&event(0)) + &chunk(half)).as_bytes()).await.unwrap();
    }
    for model in ["tokens", "renamed"] {
        let world = gateway(&front("{ idle: 5s, total: 60s }"), backend(breaks_off));
        let (text, _) = asked(&world, model).await;
        assert!(text.contains(r#""token":"0"}"#), "{model}: {text}");
        // Apart from the event that was cut.
        assert!(text.contains("\n\ndata: {\"error\":\"the model's server broke off\"}\n\n"), "{model}: {text}");
        let outcome = outcome(&world).await;
        assert!(["upstream_fault", "upstream_error"].contains(&outcome.as_str()), "{model}: {outcome}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_a_stream_frees_the_backend() {
    for model in ["tokens", "renamed"] {
        let (left, mut seen) = tokio::sync::mpsc::channel(1);
        let answer = move |connection| {
            let left = left.clone();
            async move {
                falls_silent(connection).await;
                left.send(()).await.unwrap();
            }
        };
        let world = gateway(&front("{ idle: 1h, total: 2h }"), backend(answer));
        let mut client = Wire::over(world.door.connect().await.unwrap());
        client.send(generate(model)).await;
        let second = |bytes: &[u8]| String::from_utf8_lossy(bytes).find(r#""token":"1""#);
        client.read_until("the second event", second).await;
        tokio::time::advance(Duration::from_secs(1)).await;
        drop(client);
        seen.recv().await.unwrap();
        assert_eq!(outcome(&world).await, "client_gone", "{model}");
    }
}

/// Sends as much as is taken, and counts it.
fn floods(count: Arc<AtomicUsize>) -> impl Fn(DuplexStream) -> futures_util::future::BoxFuture<'static, ()> + Clone {
    move |mut connection| {
        let count = Arc::clone(&count);
        Box::pin(async move {
            let text = chunk(&event(7).repeat(16));
            let mut bytes = [HEAD.as_bytes(), text.as_bytes()].concat();
            while connection.write_all(&bytes).await.is_ok() {
                count.fetch_add(bytes.len(), Ordering::SeqCst);
                bytes = text.clone().into_bytes();
            }
        })
    }
}

/// Waits until the backend has sent all it can while nobody reads, and says how much that is.
async fn settled(count: &AtomicUsize) -> usize {
    loop {
        let before = count.load(Ordering::SeqCst);
        // Paused time goes on only when nothing else can be done.
        tokio::time::sleep(Duration::from_secs(1)).await;
        if before > 0 && count.load(Ordering::SeqCst) == before {
            return before;
        }
    }
}

/// All that may lie between a backend and a client that does not read, over HTTP/1 and HTTP/2.
const BETWEEN: usize = 3 << 20;

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_stops_the_backend() {
    for model in ["tokens", "renamed"] {
        let count = Arc::new(AtomicUsize::new(0));
        let world = gateway(&front("{ idle: 1h, total: 2h }"), backend(floods(Arc::clone(&count))));
        let mut client = Wire::over(world.door.connect().await.unwrap());
        client.send(generate(model)).await;
        let held = settled(&count).await;
        assert!(held < BETWEEN, "{model}: {held} bytes are held");
        // What was held back comes when it is read.
        client.read_exact(held * 4).await;
        assert!(count.load(Ordering::SeqCst) > held, "{model}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_stops_the_backend_over_http2() {
    for model in ["tokens", "renamed"] {
        let count = Arc::new(AtomicUsize::new(0));
        let world = gateway(&front("{ idle: 1h, total: 2h }"), backend(floods(Arc::clone(&count))));
        let body = Body::from(r#"{"prompt":"a"}"#.to_owned());
        let mut answer = ask_http2(&world, &format!("/v2/models/{model}/generate_stream"), body).await.body.into_body();
        let held = settled(&count).await;
        assert!(held < BETWEEN, "{model}: {held} bytes are held");
        let mut read = 0;
        while read < held * 4 {
            read += answer.frame().await.unwrap().unwrap().into_data().unwrap().len();
        }
        assert!(count.load(Ordering::SeqCst) > held, "{model}");
    }
}

async fn ask_http2(world: &World, path: &str, body: Body) -> Response<Answer> {
    let clock = Arc::new(FakeClock::following_tokio());
    let client = Client::new(Arc::new(Dial(world.door.clone())), Arc::clone(&clock) as _);
    let gateway = Endpoint { authority: Arc::from("gateway:1"), prefix: Arc::from(""), host: None, tls: None };
    let origin = client.origin_speaking(&gateway, Speaks::Http2).unwrap();
    let headers = Fields::from_iter(
        [("content-type", "application/grpc"), ("te", "trailers")]
            .map(|(name, value)| (name, http::HeaderValue::from_static(value))),
    );
    let request = request((Method::POST, path.parse().unwrap()), headers, body);
    let deadline = Deadline(clock.now() + Duration::from_secs(7200));
    let patience = Patience { connect: Duration::from_secs(5), deadline };
    client.send(&origin, request, patience).await.unwrap()
}

const STREAM: &str = "/inference.GRPCInferenceService/ModelStreamInfer";

/// A body whose sender says nothing for so long.
fn silent() -> Body {
    Body::stream(StreamBody::new(futures_util::stream::pending()))
}

#[tokio::test(start_paused = true)]
async fn a_stream_on_which_nothing_is_asked_ends_as_the_configuration_says() {
    // Longer than a body may take on this listener, which a stream is not held to.
    let world = gateway(&front("{ idle: 90s }"), backend(falls_silent));
    let before = Instant::now();
    let answer = ask_http2(&world, STREAM, silent()).await;
    let body = answer.body.into_body();
    let whole = http_body_util::BodyExt::collect(body).await.unwrap();
    let trailers = whole.trailers().unwrap();
    assert_eq!(trailers["grpc-status"], "4", "{trailers:?}");
    assert_eq!(trailers["grpc-message"], "no request came on the stream for too long");
    assert_eq!(before.elapsed(), Duration::from_secs(90));
    assert_eq!(outcome(&world).await, "slow_request");
}

/// A framed request for the model by tensors: its name, and one BYTES input.
fn infer(model: &str) -> Bytes {
    let field = |number: u8, bytes: &[u8]| [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat();
    let input = [field(1, b"prompt"), field(2, b"BYTES"), field(3, &[1])].concat();
    let message = [field(1, model.as_bytes()), field(5, &input), field(7, b"\x01\0\0\0a")].concat();
    [&[0, 0, 0, 0, u8::try_from(message.len()).unwrap()], &message[..]].concat().into()
}

#[tokio::test(start_paused = true)]
async fn a_model_that_falls_silent_is_told_in_band_over_grpc() {
    let world = gateway(&front("{ idle: 5s, total: 60s }"), backend(falls_silent));
    let answer = ask_http2(&world, STREAM, infer("tokens").into()).await;
    let before = Instant::now();
    let whole = http_body_util::BodyExt::collect(answer.body.into_body()).await.unwrap();
    assert_eq!(whole.trailers().unwrap()["grpc-status"], "0", "the stream itself goes on");
    let bytes = whole.to_bytes();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("the model did not go on in time"), "{text}");
    assert_eq!(before.elapsed(), Duration::from_secs(5));
}
