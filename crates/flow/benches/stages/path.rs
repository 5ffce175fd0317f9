//! A gateway whose backends answer at once, and requests for it.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderValue, Request};
use sluicegate_config::Sources;
use sluicegate_core::{
    BackendPlan, Body, BoxFuture, BuildError, BuildUpstream, Call, CallBody, CallError, Catalog, Clock, Endpoint,
    Inbound, InferResponse, Inquiry, ModelMetadata, Outbound, Protocol, Record, RecordSink, Reply, Source, Upstream,
    UpstreamKind,
};
use sluicegate_flow::control::Gateway;
use sluicegate_testkit::SeededDice;

/// What a backend takes.
#[derive(Clone, Copy)]
struct Ready(Option<Protocol>);

const RAW: UpstreamKind = kind("raw");
const TENSORS: UpstreamKind = kind("tensors");
const PASSED: UpstreamKind = kind("passed");
const TALK: UpstreamKind = kind("talk");

const CONFIGURATION: &str = r#"version: 1
listeners: { l: { address: "127.0.0.1:1", authenticate: [anonymous] } }
backends:
  raw: { protocol: raw, endpoints: ["http://b:1"] }
  tensors: { protocol: tensors, endpoints: ["http://b:1"] }
  passed: { protocol: passed, endpoints: ["http://b:1"] }
  talk: { protocol: talk, endpoints: ["http://b:1"] }
models:
  raw: { backend: raw }
  tensors: { backend: tensors }
  passed: { backend: passed }
  talk: { backend: talk }
"#;

const ANSWER: &str =
    r#"{"model_name":"raw","outputs":[{"name":"p","datatype":"FP32","shape":[1,3],"data":[0.97,0.02,0.01]}]}"#;

const CHATTED: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"talk","choices":[{"index":0,"message":{"role":"assistant","content":"Paris; about 2.1 million people."},"finish_reason":"stop"}],"usage":{"prompt_tokens":31,"completion_tokens":10,"total_tokens":41}}"#;

const fn kind(kind: &'static str) -> UpstreamKind {
    UpstreamKind {
        kind,
        doc: "Answers at once.",
        example: "",
        fields: &[],
        remote: true,
        loads_files: false,
        decode: |_| Ok(Arc::new(())),
    }
}

pub(crate) fn gateway() -> Arc<Gateway> {
    let catalog = Catalog { upstreams: &[RAW, TENSORS, PASSED, TALK] };
    let root = Source { path: Arc::from("gateway.yaml"), text: Arc::from(CONFIGURATION) };
    let sources = Sources { root, includes: Vec::new() };
    let resolved = sluicegate_config::load(&sources, &catalog, &mut |_: &str| Ok(String::new())).unwrap();
    let gateway = Gateway::new(Arc::new(MachineClock), Arc::new(SeededDice::new(1)), Arc::new(Nobody));
    let builders = vec![
        (RAW.kind, Arc::new(Ready(Some(Protocol::OipRest))) as Arc<dyn BuildUpstream>),
        (TENSORS.kind, Arc::new(Ready(None))),
        (PASSED.kind, Arc::new(Ready(Some(Protocol::OipGrpc)))),
        (TALK.kind, Arc::new(Ready(Some(Protocol::OpenAi)))),
    ];
    let built = gateway.build(&resolved, &builders).unwrap();
    gateway.install(built);
    Arc::new(gateway)
}

pub(crate) fn inbound(path: &'static str, content: &'static str, body: Bytes) -> Inbound {
    thread_local! {
        static LISTENER: Arc<str> = Arc::from("l");
    }
    let request = Request::post(path).header("host", "models.example.org").header("accept", "*/*");
    let request = request.header("user-agent", "python-requests/2.32.3").header("content-type", content);
    let (head, ()) = request.body(()).unwrap().into_parts();
    let (listener, peer) = (LISTENER.with(Arc::clone), ([127, 0, 0, 1], 1).into());
    Inbound { listener, peer, head: Box::new(head.into()), body: Body::Full(body) }
}

/// Reads an answer to its end, as the server does.
pub(crate) fn read(outbound: Outbound) -> usize {
    drain(outbound.body)
}

fn drain(mut body: Body) -> usize {
    let mut context = Context::from_waker(Waker::noop());
    let mut length = 0;
    while let Poll::Ready(Some(part)) = body.poll_part(&mut context) {
        length += part.unwrap().len();
    }
    length
}

pub(crate) fn response() -> InferResponse {
    let outputs = vec![crate::tensor("p", &[0.97, 0.02, 0.01])];
    InferResponse { model_name: "tensors".into(), outputs, ..InferResponse::default() }
}

impl BuildUpstream for Ready {
    fn build(&self, _: &BackendPlan) -> Result<Arc<dyn Upstream>, Vec<BuildError>> {
        Ok(Arc::new(*self))
    }
}

impl Upstream for Ready {
    fn native(&self) -> Option<Protocol> {
        self.0
    }

    fn passes(&self) -> Option<Protocol> {
        self.0.filter(|protocol| *protocol == Protocol::OipGrpc)
    }

    fn call<'a>(&'a self, _: &'a Endpoint, call: Call) -> BoxFuture<'a, Result<Reply, CallError>> {
        Box::pin(async move {
            let answer = match call.body {
                CallBody::Tensors(_) => return Ok(Reply::Tensors(response(), None)),
                CallBody::Unnamed(message) => return Ok(Reply::Unnamed(message, None)),
                CallBody::Wire(body) => {
                    drain(body);
                    if self.0 == Some(Protocol::OpenAi) { CHATTED } else { ANSWER }
                }
            };
            let mut response = Outbound::new(Body::Full(Bytes::from_static(answer.as_bytes())));
            response.headers.insert("content-type", HeaderValue::from_static("application/json"));
            Ok(Reply::Wire(response))
        })
    }

    fn metadata<'a>(&'a self, _: &'a Endpoint, _: Inquiry) -> BoxFuture<'a, Result<Option<ModelMetadata>, CallError>> {
        Box::pin(async { Ok(None) })
    }

    fn ready<'a>(&'a self, _: &'a Endpoint, _: Inquiry) -> BoxFuture<'a, Result<bool, CallError>> {
        Box::pin(async { Ok(true) })
    }
}

struct MachineClock;

#[expect(clippy::disallowed_methods, reason = "the clock that is injected: this machine's, for its price is measured")]
impl Clock for MachineClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}

struct Nobody;

impl RecordSink for Nobody {
    fn begun(&self, _: &Arc<str>) {}

    fn ended(&self, _: &Record) {}
}
