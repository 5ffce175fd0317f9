//! What becomes of the work when the client leaves, and when it only stops talking.

use std::time::Duration;

use http::StatusCode;
use sluicegate_core::{Body, Inbound, Outbound, Response};
use sluicegate_server::{CancellationToken, Handler, Limits, serve_listener};
use sluicegate_testkit::{Event, Wire, within};
use tokio::net::TcpListener;

use crate::support::{Bench, Endless, GET, Held, Stuck, answer, echo, get2, plan, text};

/// Longer than the time in which an end of input may still mean "I have said all".
const LATE: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_half_closed_request_is_answered() {
    let slow = |inbound: Inbound| async {
        tokio::time::sleep(LATE * 20).await;
        echo(inbound).await
    };
    for (request, expected) in [
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc", "abc"),
        ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc"),
        (GET, ""),
    ] {
        let bench = Bench::start(Limits::default(), slow);
        let mut wire = bench.wire().await;
        wire.send(request).await;
        wire.finish().await;
        assert_eq!(wire.read_response().await.text(), expected, "{request}");
        assert_eq!(wire.read_to_end().await, b"", "{request}: closed behind the answer");
    }
}

#[tokio::test(start_paused = true)]
async fn half_closed_pipelined_requests_are_all_answered() {
    let bench = Bench::start(Limits::default(), echo);
    let mut wire = bench.wire().await;
    wire.send(GET.repeat(3)).await;
    wire.finish().await;
    for _ in 0..3 {
        assert_eq!(wire.read_response().await.status(), 200);
    }
    assert_eq!(wire.read_to_end().await, b"");
}

#[tokio::test(start_paused = true)]
async fn a_half_closed_client_gets_a_large_answer_whole() {
    // Larger than all buffers between: the end of input is seen while the answer is still on its way.
    const LARGE: usize = 4 * 1024 * 1024;
    let large = |_: Inbound| async { Response::new(Body::from(vec![b'x'; LARGE])) };
    let bench = Bench::start(Limits::default(), large);
    let mut wire = bench.wire().await;
    wire.send(GET).await;
    wire.finish().await;
    tokio::time::sleep(LATE).await;
    assert_eq!(wire.read_response().await.body.len(), LARGE);
    assert_eq!(wire.read_to_end().await, b"");
}

#[tokio::test(start_paused = true)]
async fn a_half_close_within_the_body_breaks_it() {
    for request in [
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nab",
    ] {
        let bench = Bench::start(Limits::default(), echo);
        let mut wire = bench.wire().await;
        wire.send(request).await;
        wire.finish().await;
        let response = wire.read_response().await;
        assert_eq!((response.status(), response.text().as_str()), (400, "broken"), "{request}");
    }
}

/// Keeps the body and does not read it, as a request does that waits for its turn.
#[derive(Clone, Default)]
struct Queued {
    begun: Event,
    dropped: Event,
}

impl Handler for Queued {
    async fn serve(&self, _: Inbound) -> Outbound {
        let _guard = self.dropped.on_drop();
        self.begun.release();
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn http1_client_gone_behind_an_unread_body_drops_the_handler() {
    for (framing, body) in [
        ("content-length: 4000", "x".repeat(4000)),
        ("content-length: 4000", "half".to_owned()),
        ("content-length: 4000", String::new()),
        ("transfer-encoding: chunked", "3\r\nabc\r\n0\r\n\r\n".to_owned()),
        ("transfer-encoding: chunked", "3\r\nab".to_owned()),
    ] {
        let queued = Queued::default();
        let bench = Bench::start(Limits::default(), queued.clone());
        let mut wire = bench.wire().await;
        wire.send(format!("POST / HTTP/1.1\r\nhost: a\r\n{framing}\r\n\r\n")).await;
        queued.begun.wait().await;
        wire.send(&body).await;
        tokio::time::sleep(LATE).await;
        assert!(!queued.dropped.released(), "{framing}");
        drop(wire);
        within("the handler to be dropped", queued.dropped.wait()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_half_closed_request_whose_body_waits_is_answered() {
    let late = |inbound: Inbound| async {
        tokio::time::sleep(LATE).await;
        echo(inbound).await
    };
    for (framing, body) in [("content-length: 3", "abc"), ("transfer-encoding: chunked", "3\r\nabc\r\n0\r\n\r\n")] {
        let bench = Bench::start(Limits::default(), late);
        let mut wire = bench.wire().await;
        wire.send(format!("POST / HTTP/1.1\r\nhost: a\r\n{framing}\r\n\r\n")).await;
        tokio::time::sleep(LATE / 2).await;
        wire.send(body).await;
        wire.finish().await;
        assert_eq!(wire.read_response().await.text(), "abc", "{framing}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_waited_is_whole_whatever_its_length() {
    let late = |inbound: Inbound| async {
        tokio::time::sleep(LATE).await;
        echo(inbound).await
    };
    for length in [1, 8 * 1024 - 1, 8 * 1024, 8 * 1024 + 1, 300_000] {
        let bench = Bench::start(Limits::default(), late);
        let mut wire = bench.wire().await;
        wire.send(format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n")).await;
        tokio::time::sleep(LATE / 2).await;
        wire.send("x".repeat(length)).await;
        assert_eq!(wire.read_response().await.text(), "x".repeat(length));
        wire.send(GET).await;
        assert_eq!(wire.read_response().await.status(), 200, "and the connection goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn http1_client_gone_drops_the_handler() {
    let stuck = Stuck::default();
    let bench = Bench::start(Limits::default(), stuck.clone());
    let mut wire = bench.wire().await;
    wire.send(GET).await;
    stuck.begun.wait().await;
    tokio::time::sleep(LATE).await;
    assert!(!stuck.dropped.released());
    drop(wire);
    within("the handler to be dropped", stuck.dropped.wait()).await;
}

#[tokio::test]
async fn http1_reset_drops_the_handler_at_once() {
    let stuck = Stuck::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let plan = plan("test", address, Limits::default());
    let _served = tokio::spawn(serve_listener(listener, plan, stuck.clone(), CancellationToken::new()));
    let mut wire = Wire::connect(address).await;
    wire.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc").await;
    within("the handler to begin", stuck.begun.wait()).await;
    wire.reset();
    within("the handler to be dropped", stuck.dropped.wait()).await;
}

#[tokio::test(start_paused = true)]
async fn http1_client_gone_drops_the_answers_body() {
    let dropped = Event::new();
    let streaming = {
        let dropped = dropped.clone();
        move |_: Inbound| {
            let body = Endless::body("first", &dropped);
            async move { Response::new(body) }
        }
    };
    let bench = Bench::start(Limits::default(), streaming);
    let mut wire = bench.wire().await;
    wire.send(GET).await;
    wire.read_until("the first chunk", |bytes| bytes.ends_with(b"first\r\n").then_some(bytes.len())).await;
    tokio::time::sleep(LATE).await;
    assert!(!dropped.released());
    drop(wire);
    within("the body to be dropped", dropped.wait()).await;
}

#[tokio::test(start_paused = true)]
async fn http2_client_gone_drops_the_handler() {
    let stuck = Stuck::default();
    let bench = Bench::start(Limits::default(), stuck.clone());
    let (mut sender, client) = bench.http2_to_be_cut().await;
    let request = tokio::spawn(async move { sender.send_request(get2("/")).await });
    stuck.begun.wait().await;
    client.abort();
    within("the handler to be dropped", stuck.dropped.wait()).await;
    assert!(request.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn http2_reset_stream_drops_its_handler_only() {
    let stuck = Stuck::default();
    let mixed = {
        let stuck = stuck.clone();
        move |inbound: Inbound| {
            let stuck = stuck.clone();
            async move {
                if inbound.head.uri.path() == "/stuck" {
                    sluicegate_server::Handler::serve(&stuck, inbound).await
                } else {
                    answer(StatusCode::OK, "still here")
                }
            }
        }
    };
    let bench = Bench::start(Limits::default(), mixed);
    let (mut sender, _connection) = bench.http2().await;
    let request = tokio::spawn(sender.send_request(get2("/stuck")));
    stuck.begun.wait().await;
    request.abort();
    within("the handler to be dropped", stuck.dropped.wait()).await;
    assert_eq!(text(sender.send_request(get2("/")).await.unwrap()).await, "still here");
}

#[tokio::test(start_paused = true)]
async fn http2_client_gone_drops_the_answers_body() {
    let dropped = Event::new();
    let streaming = {
        let dropped = dropped.clone();
        move |_: Inbound| {
            let body = Endless::body("first", &dropped);
            async move { Response::new(body) }
        }
    };
    let bench = Bench::start(Limits::default(), streaming);
    let (mut sender, client) = bench.http2_to_be_cut().await;
    let response = sender.send_request(get2("/")).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!dropped.released());
    client.abort();
    within("the body to be dropped", dropped.wait()).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_one_request() {
    let panics = |inbound: Inbound| async move {
        assert_ne!(inbound.head.uri.path(), "/panic", "told to");
        answer(StatusCode::OK, "fine")
    };
    let bench = Bench::start(Limits::default(), panics);
    let mut other = bench.wire().await;
    other.send(GET).await;
    assert_eq!(other.read_response().await.text(), "fine");

    let mut wire = bench.wire().await;
    wire.send("GET /panic HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(wire.read_to_end().await, b"");
    let (mut sender, _connection) = bench.http2().await;
    assert!(sender.send_request(get2("/panic")).await.is_err());
    assert_eq!(text(sender.send_request(get2("/")).await.unwrap()).await, "fine");

    other.send(GET).await;
    assert_eq!(other.read_response().await.text(), "fine");
}

#[tokio::test(start_paused = true)]
async fn a_panic_leaves_other_streams_of_its_connection_alone() {
    let held = Held::default();
    let handler = {
        let held = held.clone();
        move |inbound: Inbound| {
            let held = held.clone();
            async move {
                assert_ne!(inbound.head.uri.path(), "/panic", "told to");
                held.serve(inbound).await
            }
        }
    };
    let bench = Bench::start(Limits::default(), handler);
    let (mut sender, _connection) = bench.http2().await;
    let under_way = tokio::spawn(sender.send_request(get2("/")));
    held.begun.wait().await;
    assert!(sender.send_request(get2("/panic")).await.is_err());
    assert!(!under_way.is_finished());
    held.release.release();
    assert_eq!(text(under_way.await.unwrap().unwrap()).await, "done");
}

#[tokio::test(start_paused = true)]
async fn dropping_the_listener_cuts_its_connections() {
    let held = Held::default();
    let bench = Bench::start(Limits::default(), held.clone());
    let mut wire = bench.wire().await;
    wire.send(GET).await;
    held.begun.wait().await;
    bench.served.abort();
    assert_eq!(wire.read_to_end().await, b"");
}
