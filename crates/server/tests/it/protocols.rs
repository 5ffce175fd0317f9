//! What is spoken: both versions on one port, in order, and what is refused by its head.

use std::sync::Arc;

use http::{Request, StatusCode, Version};
use parking_lot::Mutex;
use sluicegate_core::{Body, Inbound, Kind, Outbound};
use sluicegate_server::{CancellationToken, Handler, Limits, serve_listener};
use sluicegate_testkit::Wire;
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Bench, GET, answer, collect, echo, get2, http2_over, plan, post2, text};

async fn describe(inbound: Inbound) -> Outbound {
    let Inbound { listener, peer, head, body } = inbound;
    let body = collect(body).await.expect("a body");
    let whole = format!("{listener} {} {} {:?} {}", head.method, head.uri.path(), head.version, body.len());
    assert!(peer.ip().is_loopback());
    answer(StatusCode::OK, whole)
}

#[tokio::test]
async fn both_versions_on_one_port() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let served =
        tokio::spawn(serve_listener(listener, plan("front", address, Limits::default()), describe, shutdown.clone()));

    let mut wire = Wire::connect(address).await;
    wire.send("POST /one HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc").await;
    assert_eq!(wire.read_response().await.text(), "front POST /one HTTP/1.1 3");

    let (mut sender, connection) = http2_over(TcpStream::connect(address).await.unwrap()).await;
    let response = sender.send_request(post2("/two", Body::from("abcd".to_owned()))).await.unwrap();
    assert_eq!((response.status(), response.version()), (StatusCode::OK, Version::HTTP_2));
    assert_eq!(text(response).await, "front POST /two HTTP/2.0 4");

    drop(sender);
    connection.await.unwrap().unwrap();
    shutdown.cancel();
    served.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_preface_may_come_in_pieces() {
    let bench = Bench::start(Limits::default(), echo);
    let mut wire = bench.wire().await;
    wire.send_pieces("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_bytes().chunks(1)).await;
    // An empty SETTINGS frame; the server's own comes back: type 4 on stream 0.
    wire.send([0, 0, 0, 4, 0, 0, 0, 0, 0]).await;
    let frame = wire.read_exact(9).await;
    assert_eq!((frame[3], &frame[5..]), (4, &[0; 4][..]));
}

#[tokio::test(start_paused = true)]
async fn a_request_may_begin_like_the_preface() {
    let bench = Bench::start(Limits::default(), describe);
    let mut wire = bench.wire().await;
    wire.send_pieces(["P", "RI /x HTTP/1.1\r\nhost: a\r\n\r\n"]).await;
    assert_eq!(wire.read_response().await.text(), "test PRI /x HTTP/1.1 0");
}

#[tokio::test(start_paused = true)]
async fn pipelined_requests_are_answered_in_order() {
    let bench = Bench::start(Limits::default(), describe);
    let mut wire = bench.wire().await;
    let requests: String = (0..1000).map(|nth| format!("GET /{nth} HTTP/1.1\r\nhost: a\r\n\r\n")).collect();
    let (half, rest) = requests.split_at(requests.len() / 2);
    for part in [half, rest] {
        wire.send(part).await;
    }
    for nth in 0..1000 {
        assert_eq!(wire.read_response().await.text(), format!("test GET /{nth} HTTP/1.1 0"));
    }
}

#[tokio::test(start_paused = true)]
async fn answers_carry_a_date_and_no_banner() {
    let bench = Bench::start(Limits::default(), echo);
    let mut wire = bench.wire().await;
    wire.send(GET).await;
    let response = wire.read_response().await;
    assert!(response.header("date").is_some());
    assert_eq!(response.header("server"), None);
    assert_eq!(response.header("connection"), None);
}

/// Counts what was served, keeps what was refused.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<(usize, Vec<Kind>)>>);

impl Handler for Ledger {
    async fn serve(&self, _: Inbound) -> Outbound {
        self.0.lock().0 += 1;
        answer(StatusCode::OK, "served")
    }

    fn refused(&self, listener: &Arc<str>, kind: Kind) {
        assert_eq!(&**listener, "test");
        self.0.lock().1.push(kind);
    }
}

#[tokio::test(start_paused = true)]
async fn heads_that_make_no_sense_are_refused_and_closed() {
    for (request, status, kind) in [
        ("GET / HTTP/1.1\r\n\r\n", 400, Kind::BadHost),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", 400, Kind::BadHost),
        ("GET / HTTP/1.0\r\nhost: a\r\nhost: b\r\n\r\n", 400, Kind::BadHost),
        ("TRACE / HTTP/1.1\r\nhost: a\r\n\r\n", 405, Kind::MethodNotAllowed),
        ("CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n", 405, Kind::MethodNotAllowed),
        ("OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n", 400, Kind::BadPath),
        ("GET a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n", 400, Kind::BadPath),
        ("GET nowhere HTTP/1.1\r\nhost: a\r\n\r\n", 400, Kind::BadPath),
        ("GET / HTTP/1.1\r\nhost : a\r\n\r\n", 400, Kind::BadRequest),
    ] {
        let ledger = Ledger::default();
        let bench = Bench::start(Limits::default(), ledger.clone());
        let mut wire = bench.wire().await;
        wire.send(request).await;
        // A second request glued on must not be served.
        let _ = wire.try_send(GET).await;
        let response = sluicegate_testkit::Response::split(&wire.read_to_end().await);
        assert_eq!(response.status(), status, "{request}");
        assert!(!response.text().contains("HTTP/1.1"), "{request}: more than one answer");
        assert_eq!(response.header("connection"), Some("close"), "{request}");
        bench.shutdown.cancel();
        bench.served.await.unwrap();
        assert_eq!(*ledger.0.lock(), (0, vec![kind]), "{request}");
    }
}

#[tokio::test(start_paused = true)]
async fn odd_but_right_heads_are_served() {
    for request in ["GET / HTTP/1.0\r\n\r\n", "GET http://a/x HTTP/1.1\r\nhost: a\r\n\r\n"] {
        let ledger = Ledger::default();
        let bench = Bench::start(Limits::default(), ledger.clone());
        let mut wire = bench.wire().await;
        wire.send(request).await;
        assert_eq!(wire.read_response().await.text(), "served", "{request}");
        assert_eq!(*ledger.0.lock(), (1, vec![]));
    }
}

#[tokio::test(start_paused = true)]
async fn http2_refuses_one_stream_and_serves_the_next() {
    let bench = Bench::start(Limits::default(), Ledger::default());
    let (mut sender, _connection) = bench.http2().await;
    let two_hosts = Request::get("http://a/").header("host", "a").header("host", "b").body(Body::Empty).unwrap();
    assert_eq!(sender.send_request(two_hosts).await.unwrap().status(), StatusCode::BAD_REQUEST);
    let trace = Request::builder().method("TRACE").uri("http://a/").body(Body::Empty).unwrap();
    assert_eq!(sender.send_request(trace).await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(sender.send_request(get2("/")).await.unwrap().status(), StatusCode::OK);
}
