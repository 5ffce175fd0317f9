//! One whole gateway inside a test: no socket, no process, no real time. The network is memory, the clock is paused, and
//! chance repeats itself.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_adapters::http::{Connector, Io};
use sluicegate_adapters::upstream::{oip_rest, openai};
use sluicegate_config::Sources;
use sluicegate_core::{BoxFuture, Catalog, Clock, Inbound, Record, RecordSink, Source};
use sluicegate_flow::build::Builders;
use sluicegate_flow::control::Gateway;
use sluicegate_server::{CancellationToken, Limits, Listener, ListenerPlan, serve_listener};
use sluicegate_testkit::{FakeClock, MemoryDialer, MemoryListener, MemoryNet, SeededDice, Wire};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use crate::support::root;

const CATALOG: Catalog = Catalog { upstreams: &[sluicegate_runtime::KIND, oip_rest::KIND, openai::KIND] };

struct InMemory(MemoryListener);

impl Listener for InMemory {
    type Io = DuplexStream;

    fn accept(&mut self) -> impl Future<Output = io::Result<(DuplexStream, SocketAddr)>> + Send {
        self.0.accept()
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.local_addr())
    }
}

/// Every address leads to the one listener.
pub(crate) struct Dial(pub(crate) MemoryDialer);

impl Connector for Dial {
    fn connect<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Io>>> {
        Box::pin(async { Ok(Box::new(self.0.connect().await?) as Box<dyn Io>) })
    }
}

#[derive(Default)]
pub(crate) struct Records(pub(crate) Mutex<Vec<Record>>);

impl RecordSink for Records {
    fn begun(&self, _: &Arc<str>) {}

    fn ended(&self, record: &Record) {
        self.0.lock().push(record.clone());
    }
}

pub(crate) struct World {
    pub(crate) door: MemoryDialer,
    pub(crate) records: Arc<Records>,
    stop: CancellationToken,
}

/// A gateway of this configuration whose backends are all at the other end of `backends`.
pub(crate) fn gateway(configuration: &str, backends: MemoryDialer) -> World {
    let root = Source { path: Arc::from("gateway.yaml"), text: Arc::from(configuration) };
    let sources = Sources { root, includes: Vec::new() };
    let resolved = sluicegate_config::load(&sources, &CATALOG, &mut |_: &str| Ok(String::new())).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(FakeClock::following_tokio());
    let builders: Builders = vec![
        (oip_rest::KIND.kind, Arc::new(oip_rest::Factory::new(Arc::new(Dial(backends.clone())), Arc::clone(&clock)))),
        (openai::KIND.kind, Arc::new(openai::Factory::new(Arc::new(Dial(backends)), Arc::clone(&clock)))),
        (sluicegate_runtime::KIND.kind, Arc::new(sluicegate_runtime::Factory::new(Arc::clone(&clock)))),
    ];
    let records = Arc::new(Records::default());
    let sink = Arc::clone(&records) as Arc<dyn RecordSink>;
    let gateway = Arc::new(Gateway::new(clock, Arc::new(SeededDice::new(1)), sink));
    let built = gateway.build(&resolved, &builders).unwrap();
    gateway.install(built);
    let handler = move |inbound: Inbound| {
        let gateway = Arc::clone(&gateway);
        async move { sluicegate_flow::serve(&gateway, inbound).await }
    };
    let (listener, door) = MemoryNet::anywhere();
    let plan = ListenerPlan {
        name: Arc::from("l"),
        address: door.address(),
        proxies: Arc::default(),
        limits: Limits::default(),
        tls: None,
    };
    let stop = CancellationToken::new();
    tokio::spawn(serve_listener(InMemory(listener), plan, handler, stop.clone()));
    World { door, records, stop }
}

const FRONT: &str = "version: 1
listeners: { l: { address: 127.0.0.1:1, authenticate: [anonymous] } }
backends: { b: { protocol: oip-rest, endpoints: [\"http://backend:1\"] } }
models: { iris: { backend: b, timeout: 5s } }
";

fn back() -> String {
    format!(
        "version: 1\nlisteners: {{ l: {{ address: 127.0.0.1:1, authenticate: [anonymous] }} }}\nbackends: {{ e: {{ protocol: \
         embedded }} }}\nmodels: {{ iris: {{ backend: e, source: {} }} }}\n",
        root().join("examples/quickstart/models/iris.onnx").display()
    )
}

const BODY: &str = r#"{"inputs":[{"name":"features","shape":[1,4],"datatype":"FP32","data":[5.1,3.4,1.5,0.2]}]}"#;

fn request(body: &str) -> String {
    format!(
        "POST /v2/models/iris/infer HTTP/1.1\r\nhost: a\r\nx-request-id: r\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn two_gateways_in_a_row_pass_bytes_untouched() {
    let (_, nowhere) = MemoryNet::anywhere();
    let back = gateway(&back(), nowhere);
    let front = gateway(FRONT, back.door.clone());
    let mut client = Wire::over(front.door.connect().await.unwrap());
    // The first answer teaches the front that its backend reads binary tensors; from then on bytes pass unread.
    for _ in 0..3 {
        client.send(request(BODY)).await;
        let answer = client.read_response().await;
        assert!(answer.head.starts_with("HTTP/1.1 200"), "{}", answer.head);
        assert!(String::from_utf8_lossy(&answer.body).contains("setosa"));
    }
    // An answer of the back's own making shows that it read these bytes, and that the front did not.
    client.send(request("{\"inputs\":[{\"name\":\"wrong\"}]}")).await;
    assert!(client.read_response().await.head.starts_with("HTTP/1.1 400"));
    let (front, back) = (front.records.0.lock(), back.records.0.lock());
    assert_eq!(back.len(), front.len() + 1, "the front asked once what its backend can do");
    assert_eq!(front[3].outcome.label(), "upstream_error");
    for passed_on in back.iter().filter(|record| *record.request_id == *"r") {
        assert!(front.iter().any(|record| record.trace_id == passed_on.trace_id), "the trace goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_backend_is_given_up_exactly_when_the_models_time_is_over() {
    let (mut backend, dialer) = MemoryNet::anywhere();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = backend.accept().await {
            held.push(connection);
        }
    });
    let front = gateway(FRONT, dialer);
    let mut client = Wire::over(front.door.connect().await.unwrap());
    let before = tokio::time::Instant::now();
    client.send(request(BODY)).await;
    let answer = client.read_response().await;
    assert!(answer.head.starts_with("HTTP/1.1 504"), "{}", answer.head);
    assert_eq!(before.elapsed(), Duration::from_secs(5));
    assert_eq!(front.records.0.lock()[0].total, Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_cancels_the_call() {
    let (mut backend, dialer) = MemoryNet::anywhere();
    let front = gateway(FRONT, dialer);
    let mut client = Wire::over(front.door.connect().await.unwrap());
    client.send(request(BODY)).await;
    // What the backend can do is asked first; the call comes on the same connection or another.
    let (mut connection, _) = backend.accept().await.unwrap();
    let mut head = [0; 1024];
    let count = connection.read(&mut head).await.unwrap();
    assert!(head[..count].starts_with(b"GET /v2 "), "{}", String::from_utf8_lossy(&head[..count]));
    let metadata = r#"{"name":"b","version":"1","extensions":[]}"#;
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{metadata}", metadata.len());
    connection.write_all(answer.as_bytes()).await.unwrap();
    let count = connection.read(&mut head).await.unwrap();
    assert!(head[..count].starts_with(b"POST /v2/models/iris/infer"), "{}", String::from_utf8_lossy(&head[..count]));
    // Right behind its request a client that closes may only have said that it sends no more.
    tokio::time::advance(Duration::from_secs(1)).await;
    drop(client);
    let mut rest = Vec::new();
    connection.read_to_end(&mut rest).await.unwrap();
    sluicegate_testkit::wait_for(|| front.records.0.lock().len() == 1, "the record").await;
    assert_eq!(front.records.0.lock()[0].outcome.label(), "client_gone");
}

#[tokio::test]
async fn a_stopped_gateway_finishes_and_takes_no_more() {
    let (_, nowhere) = MemoryNet::anywhere();
    let back = gateway(&back(), nowhere);
    let mut client = Wire::over(back.door.connect().await.unwrap());
    client.send(request(BODY)).await;
    assert!(client.read_response().await.head.starts_with("HTTP/1.1 200"));
    back.stop.cancel();
    assert!(client.read_to_end().await.is_empty(), "an idle connection is closed");
}
