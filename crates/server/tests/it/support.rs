//! A server in memory, and handlers that tests share.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sluicegate_core::{Body, BodyError, Inbound, Outbound, Response};
use sluicegate_server::{CancellationToken, Handler, Limits, Listener, ListenerPlan, serve_listener};
use sluicegate_testkit::{Event, MemoryDialer, MemoryListener, MemoryNet, Wire};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;

/// Longer than any limit under test; where time is paused it costs nothing.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

pub(crate) const GET: &str = "GET /a HTTP/1.1\r\nhost: a\r\n\r\n";

pub(crate) struct InMemory(pub(crate) MemoryListener);

impl Listener for InMemory {
    type Io = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        self.0.accept().await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.local_addr())
    }
}

/// A listener being served.
pub(crate) struct Bench {
    pub(crate) dialer: MemoryDialer,
    pub(crate) shutdown: CancellationToken,
    pub(crate) served: JoinHandle<()>,
}

impl Bench {
    pub(crate) fn start(limits: Limits, handler: impl Handler) -> Self {
        let (listener, dialer) = MemoryNet::anywhere();
        let shutdown = CancellationToken::new();
        let plan = plan("test", listener.local_addr(), limits);
        let served = tokio::spawn(serve_listener(InMemory(listener), plan, handler, shutdown.clone()));
        Self { dialer, shutdown, served }
    }

    /// A raw client.
    pub(crate) async fn wire(&self) -> Wire<DuplexStream> {
        Wire::over(self.dialer.connect().await.expect("the listener is open")).patient(LONG)
    }

    /// An HTTP/2 client, and its connection, which ends when aborted.
    pub(crate) async fn http2(&self) -> (SendRequest<Body>, JoinHandle<hyper::Result<()>>) {
        http2_over(self.dialer.connect().await.expect("the listener is open")).await
    }

    /// An HTTP/2 client behind a pump that carries its bytes: aborted, the client is gone. (Dropping hyper's own
    /// connection future is not enough: it runs in a task of its own.)
    pub(crate) async fn http2_to_be_cut(&self) -> (SendRequest<Body>, JoinHandle<()>) {
        let mut outer = self.dialer.connect().await.expect("the listener is open");
        let (inner, mut middle) = tokio::io::duplex(64 * 1024);
        let pump = tokio::spawn(async move {
            let _ = tokio::io::copy_bidirectional(&mut middle, &mut outer).await;
        });
        (http2_over(inner).await.0, pump)
    }
}

pub(crate) async fn http2_over<Io>(io: Io) -> (SendRequest<Body>, JoinHandle<hyper::Result<()>>)
where
    Io: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(io)).await.expect("handshake");
    (sender, tokio::spawn(connection))
}

/// Port 0 of a loopback address no other test has, so that a port once closed is not opened again by a test beside.
pub(crate) fn loopback() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    SocketAddr::from(([127, 1, 1, NEXT.fetch_add(1, Ordering::SeqCst)], 0))
}

pub(crate) fn plan(name: &str, address: SocketAddr, limits: Limits) -> ListenerPlan {
    ListenerPlan { name: name.into(), address, proxies: Arc::default(), limits, tls: None }
}

pub(crate) fn get2(path: &str) -> Request<Body> {
    post2(path, Body::Empty)
}

pub(crate) fn post2(path: &str, body: Body) -> Request<Body> {
    Request::post(format!("http://a{path}")).body(body).expect("a request")
}

pub(crate) async fn collect(body: Body) -> Result<Bytes, BodyError> {
    body.collect().await.map(http_body_util::Collected::to_bytes)
}

/// The text of an HTTP/2 answer.
pub(crate) async fn text(response: http::Response<hyper::body::Incoming>) -> String {
    let body = response.into_body().collect().await.expect("a whole body");
    String::from_utf8_lossy(&body.to_bytes()).into_owned()
}

pub(crate) fn answer(status: StatusCode, text: impl Into<String>) -> Outbound {
    let mut response = Response::new(Body::from(text.into()));
    response.status = status;
    response
}

/// Answers the body, or says what became of it.
pub(crate) async fn echo(inbound: Inbound) -> Outbound {
    match collect(inbound.body).await {
        Ok(body) => Response::new(body.into()),
        Err(BodyError::TooLarge { limit }) => answer(StatusCode::PAYLOAD_TOO_LARGE, format!("over {limit}")),
        Err(BodyError::TimedOut) => answer(StatusCode::REQUEST_TIMEOUT, "timed out"),
        Err(BodyError::Broken(_)) => answer(StatusCode::BAD_REQUEST, "broken"),
        Err(BodyError::NoRoom) => answer(StatusCode::SERVICE_UNAVAILABLE, "no room"),
    }
}

/// A handler that says when it has begun, never answers, and says when it has been dropped.
#[derive(Clone, Default)]
pub(crate) struct Stuck {
    pub(crate) begun: Event,
    pub(crate) dropped: Event,
}

impl Handler for Stuck {
    async fn serve(&self, inbound: Inbound) -> Outbound {
        let _guard = self.dropped.on_drop();
        let _ = collect(inbound.body).await;
        self.begun.release();
        std::future::pending().await
    }
}

/// A handler that says when it has begun and answers `done` when released.
#[derive(Clone, Default)]
pub(crate) struct Held {
    pub(crate) begun: Event,
    pub(crate) release: Event,
}

impl Handler for Held {
    async fn serve(&self, _: Inbound) -> Outbound {
        self.begun.release();
        self.release.wait().await;
        answer(StatusCode::OK, "done")
    }
}

/// An answer that gives `first`, then never another byte; says when it is dropped.
pub(crate) struct Endless {
    first: Option<Bytes>,
    _guard: Box<dyn Send + Sync>,
}

impl Endless {
    pub(crate) fn body(first: &'static str, dropped: &Event) -> Body {
        Body::stream(Self { first: Some(first.into()), _guard: Box::new(dropped.on_drop()) })
    }
}

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, BodyError>>> {
        match self.first.take() {
            Some(first) => std::task::Poll::Ready(Some(Ok(http_body::Frame::data(first)))),
            None => std::task::Poll::Pending,
        }
    }
}

/// An answer that always has more; says when it is dropped.
pub(crate) struct Flood {
    _guard: Box<dyn Send + Sync>,
}

impl Flood {
    pub(crate) fn body(dropped: &Event) -> Body {
        Body::stream(Self { _guard: Box::new(dropped.on_drop()) })
    }
}

impl http_body::Body for Flood {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, BodyError>>> {
        std::task::Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from_static(&[b'x'; 16 * 1024])))))
    }
}
