//! A backend built as the binary builds it, in front of a scripted server.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use sluicegate_adapters::http::{Connector, Io, Request, TcpConnector};
use sluicegate_adapters::upstream::oip_rest::{Factory, KIND};
use sluicegate_core::{
    BackendModel, BackendPlan, Body, BodyError, BoxFuture, BuildUpstream, Call, CallBody, CallError, Clock, DataType,
    Deadline, Endpoint, Fields, InferRequest, InferResponse, Inquiry, Node, Operation, Reply, Response, Span, Tensor,
    Upstream, UpstreamKind, Value,
};
use sluicegate_testkit::{self as testkit, Event, FakeClock, MemoryDialer, PATIENCE, Script, within};

/// One backend with one endpoint.
pub(crate) struct Backend {
    pub(crate) server: testkit::Upstream,
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) endpoint: Endpoint,
    pub(crate) clock: Arc<FakeClock>,
}

impl Backend {
    /// In front of a server that plays `script` on every connection, with these keys.
    pub(crate) async fn new(script: Script, keys: &[(&str, &str)]) -> Self {
        Self::each([script], keys).await
    }

    /// In front of a server that plays these scripts in turn.
    pub(crate) async fn each(scripts: impl IntoIterator<Item = Script>, keys: &[(&str, &str)]) -> Self {
        let server = testkit::Upstream::start_each(scripts).await;
        let endpoint = endpoint(&server.authority());
        let clock = Arc::new(FakeClock::following_tokio());
        let upstream = build(&endpoint, keys, &clock);
        Self { server, upstream, endpoint, clock }
    }

    /// A moment that no test reaches.
    pub(crate) fn late(&self) -> Deadline {
        Deadline(self.clock.now() + PATIENCE * 2)
    }

    /// Runs the model with tensors.
    pub(crate) async fn infer(&self, request: InferRequest) -> Result<InferResponse, CallError> {
        let call = Call {
            operation: Operation::Infer,
            model: model("echo"),
            body: CallBody::from(request),
            headers: Fields::new(),
            deadline: self.late(),
        };
        match within("an answer", self.upstream.call(&self.endpoint, call)).await? {
            Reply::Tensors(answer, _) => Ok(answer),
            reply @ (Reply::Wire(_) | Reply::Unnamed(..)) => panic!("tensors went in, {reply:?} came out"),
        }
    }

    /// Runs the model with the client's own bytes.
    pub(crate) async fn pass(&self, body: Body, headers: Fields) -> Result<Response<Body>, CallError> {
        let call = Call {
            operation: Operation::Infer,
            model: model("echo"),
            body: CallBody::Wire(body),
            headers,
            deadline: self.late(),
        };
        match within("an answer", self.upstream.call(&self.endpoint, call)).await? {
            Reply::Wire(answer) => Ok(answer),
            reply @ (Reply::Tensors(..) | Reply::Unnamed(..)) => panic!("bytes went in, {reply:?} came out"),
        }
    }

    /// A question about the model.
    pub(crate) fn inquiry(&self) -> Inquiry {
        Inquiry { model: model("echo"), headers: Fields::new(), deadline: self.late() }
    }
}

/// Builds a backend of one endpoint.
pub(crate) fn build(endpoint: &Endpoint, keys: &[(&str, &str)], clock: &Arc<FakeClock>) -> Arc<dyn Upstream> {
    let clock: Arc<dyn Clock> = Arc::<FakeClock>::clone(clock);
    Factory::new(Arc::new(TcpConnector), clock).build(&plan(endpoint, keys)).unwrap()
}

/// The plan of a backend of one endpoint.
pub(crate) fn plan(endpoint: &Endpoint, keys: &[(&str, &str)]) -> BackendPlan {
    plan_of(&KIND, endpoint, keys)
}

/// The same of another kind.
pub(crate) fn plan_of(kind: &UpstreamKind, endpoint: &Endpoint, keys: &[(&str, &str)]) -> BackendPlan {
    let span = Span { file: Arc::from("gateway.yaml"), line: 1, column: 1 };
    let scalar = |text: &str| Node { value: Value::Scalar(text.to_owned()), span: span.clone() };
    let entries = keys.iter().map(|(key, text)| ((*key).to_owned(), span.clone(), scalar(text))).collect();
    let node = Node { value: Value::Map(entries), span: span.clone() };
    BackendPlan {
        name: Arc::from("peer"),
        kind: kind.kind,
        settings: (kind.decode)(&node).unwrap(),
        fingerprint: node.canonical(),
        span,
        endpoints: vec![endpoint.clone()],
        connect_timeout: PATIENCE,
        models: Vec::new(),
    }
}

pub(crate) fn endpoint(authority: &str) -> Endpoint {
    Endpoint { authority: Arc::from(authority), prefix: Arc::from(""), host: None, tls: None }
}

pub(crate) fn model(name: &str) -> BackendModel {
    BackendModel { name: Arc::from(name), version: None }
}

/// A request with one input `x`.
/// A request with `body`, and a field beside it.
pub(crate) fn posted(path: &'static str, body: Body) -> Request {
    sluicegate_adapters::http::request((http::Method::POST, http::Uri::from_static(path)), Fields::new(), body)
}

pub(crate) fn request(datatype: DataType, shape: &[u64], data: impl Into<Bytes>) -> InferRequest {
    let input = Tensor::new("x", datatype, shape.to_vec(), data.into()).unwrap();
    InferRequest { inputs: vec![input], ..InferRequest::default() }
}

/// A request with one input of one FP32.
pub(crate) fn one() -> InferRequest {
    request(DataType::Fp32, &[1], 1.5_f32.to_le_bytes().to_vec())
}

/// A body of unknown length that yields `pieces`, then nothing more, without an end.
pub(crate) fn unending(pieces: &[&'static str]) -> Body {
    let pieces: Vec<&'static str> = pieces.to_vec();
    let frames = stream::iter(pieces).map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes()))));
    Body::stream(StreamBody::new(frames.chain(stream::pending())))
}

/// A body of unknown length that yields `pieces` and ends.
pub(crate) fn streamed(pieces: &[&'static str]) -> Body {
    let pieces: Vec<&'static str> = pieces.to_vec();
    let frames = stream::iter(pieces).map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes()))));
    Body::stream(StreamBody::new(frames))
}

/// A body of unknown length that yields `piece` and, after `event`, breaks.
pub(crate) fn breaking(piece: &'static str, event: &Event, reason: BodyError) -> Body {
    let event = event.clone();
    let first = stream::iter([Ok(Frame::data(Bytes::from_static(piece.as_bytes())))]);
    let last = stream::once(async move {
        event.wait().await;
        Err(reason)
    });
    Body::stream(StreamBody::new(first.chain(last)))
}

/// A body's bytes.
pub(crate) async fn bytes(body: Body) -> Result<Bytes, BodyError> {
    within("the whole body", body.collect()).await.map(http_body_util::Collected::to_bytes)
}

/// Lets the runtime see everything that has happened on sockets up to now: what arrived before is told before.
pub(crate) async fn settle() {
    let server = testkit::Upstream::start(Script::once("done")).await;
    let mut wire = testkit::Wire::connect(server.address()).await;
    wire.send("GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(wire.read_to_end().await, b"done");
}

/// Connects within the test's memory: paused time passes only when nothing can happen any more.
pub(crate) struct InMemory(pub(crate) MemoryDialer);

impl Connector for InMemory {
    fn connect<'a>(&'a self, _authority: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Io>>> {
        Box::pin(async move { Ok(Box::new(self.0.connect().await?) as Box<dyn Io>) })
    }
}

/// Short, for what must time out; nothing is measured.
pub(crate) const SHORT: Duration = Duration::from_millis(50);
