//! What is taken before the server says no: heads, times, slow readers.

use std::time::Duration;

use http::{Request, StatusCode};
use sluicegate_core::{Body, Inbound, Response};
use sluicegate_server::{Exposure, Limits};
use sluicegate_testkit::Event;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};

use crate::support::{Bench, Flood, GET, LONG, answer, echo, get2, text};

const LIMITS: Limits = Limits {
    exposure: Exposure::External,
    head: 16 * 1024,
    header_list: 8 * 1024,
    headers: 64,
    body: 1024,
    head_timeout: Duration::from_secs(10),
    body_timeout: Duration::from_secs(30),
    idle_timeout: Duration::from_secs(60),
    handshake_timeout: Duration::from_secs(10),
    handshakes: 100,
    connections: 100,
    per_address: 100,
    body_min_rate: 0,
    streams: 8,
};

/// A request whose head has exactly `length` bytes.
fn head_of(length: usize) -> String {
    let empty = "GET / HTTP/1.1\r\nhost: a\r\nx: \r\n\r\n".len();
    format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(length - empty))
}

#[tokio::test(start_paused = true)]
async fn a_head_at_the_limit_is_served() {
    let bench = Bench::start(LIMITS, echo);
    let mut wire = bench.wire().await;
    wire.send(head_of(LIMITS.head)).await;
    assert_eq!(wire.read_response().await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn an_oversized_head_is_431() {
    for length in [LIMITS.head + 1, 200 * 1024] {
        let bench = Bench::start(LIMITS, echo);
        let mut wire = bench.wire().await;
        // All of it can be sent, and the answer read: the server does not break off while the client still sends.
        wire.send(head_of(length)).await;
        assert_eq!(wire.read_response().await.status(), 431, "{length}");
        wire.finish().await;
        assert_eq!(wire.read_to_end().await, b"", "{length}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_without_end_is_431() {
    let bench = Bench::start(LIMITS, echo);
    let mut wire = bench.wire().await;
    wire.send(format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}", "y".repeat(LIMITS.head))).await;
    assert_eq!(wire.read_response().await.status(), 431);
}

#[tokio::test(start_paused = true)]
async fn too_many_fields_are_431() {
    for (fields, status) in [(LIMITS.headers - 1, 200), (LIMITS.headers, 431)] {
        let bench = Bench::start(LIMITS, echo);
        let mut wire = bench.wire().await;
        wire.send(format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "a: b\r\n".repeat(fields))).await;
        assert_eq!(wire.read_response().await.status(), status, "{fields} and the host");
    }
}

#[tokio::test(start_paused = true)]
async fn http2_heads_have_the_same_limits() {
    let bench = Bench::start(LIMITS, echo);
    let (mut sender, _connection) = bench.http2().await;
    let many = (0..=LIMITS.headers).fold(Request::get("http://a/"), |request, _| request.header("a", "b"));
    let response = sender.send_request(many.body(Body::Empty).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let large = Request::get("http://a/").header("a", "b".repeat(LIMITS.head)).body(Body::Empty).unwrap();
    // Its client side knows the limit from SETTINGS, or the server refuses the stream: either way it is not served.
    match sender.send_request(large).await {
        Ok(response) => assert_eq!(response.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        Err(error) => assert!(!error.is_timeout(), "{error}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_head_is_408_after_its_time() {
    for first in ["G", "GET / HTTP/1.1\r\nhost: a\r\n"] {
        let bench = Bench::start(LIMITS, echo);
        let mut wire = bench.wire().await;
        let start = Instant::now();
        wire.send(first).await;
        let end = wire.read_to_end().await;
        let passed = start.elapsed();
        assert!((LIMITS.head_timeout..LIMITS.idle_timeout).contains(&passed), "{first:?}: {passed:?}");
        assert!(end.starts_with(b"HTTP/1.1 408 "), "{first:?}: {:?}", String::from_utf8_lossy(&end));
    }
}

#[tokio::test(start_paused = true)]
async fn trickling_does_not_buy_time() {
    let bench = Bench::start(LIMITS, echo);
    let mut wire = bench.wire().await;
    wire.send(GET).await;
    assert_eq!(wire.read_response().await.status(), 200);
    let start = Instant::now();
    wire.send("GET / HTTP/1.1\r\nhost: a\r\nx: ").await;
    while start.elapsed() < LIMITS.head_timeout * 2 && wire.try_send("y").await.is_ok() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(start.elapsed() < LIMITS.head_timeout * 2, "it went on trickling");
    assert!(wire.read_to_end().await.starts_with(b"HTTP/1.1 408 "));
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_closed() {
    let bench = Bench::start(LIMITS, echo);
    let start = Instant::now();
    let mut silent = bench.wire().await;
    assert_eq!(silent.read_to_end().await, b"");
    assert_eq!(start.elapsed().as_secs(), LIMITS.idle_timeout.as_secs());

    let mut wire = bench.wire().await;
    for _ in 0..3 {
        // Used before its time is up, it stays.
        tokio::time::sleep(LIMITS.idle_timeout / 2).await;
        wire.send(GET).await;
        assert_eq!(wire.read_response().await.status(), 200);
    }
    let start = Instant::now();
    assert_eq!(wire.read_to_end().await, b"");
    assert_eq!(start.elapsed().as_secs(), LIMITS.idle_timeout.as_secs());
}

#[tokio::test(start_paused = true)]
async fn idle_http2_connections_are_closed() {
    let bench = Bench::start(LIMITS, echo);
    let (mut sender, connection) = bench.http2().await;
    assert_eq!(sender.send_request(get2("/")).await.unwrap().status(), StatusCode::OK);
    let start = Instant::now();
    // The sender is still there: it is the server that says goodbye, in good order.
    connection.await.unwrap().unwrap();
    assert!(start.elapsed() >= LIMITS.idle_timeout);
    assert!(start.elapsed() < LIMITS.idle_timeout * 2);
    drop(sender);
}

#[tokio::test(start_paused = true)]
async fn http2_without_settings_is_closed() {
    let bench = Bench::start(LIMITS, echo);
    let mut wire = bench.wire().await;
    wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    let start = Instant::now();
    wire.read_to_end().await;
    assert!(start.elapsed() < LIMITS.idle_timeout * 2);
}

#[tokio::test(start_paused = true)]
async fn a_slow_handler_is_not_idle() {
    let slow = |_: Inbound| async {
        tokio::time::sleep(LIMITS.idle_timeout * 5).await;
        answer(StatusCode::OK, "at last")
    };
    let bench = Bench::start(LIMITS, slow);
    let mut wire = bench.wire().await;
    wire.send(GET).await;
    assert_eq!(wire.read_response().await.text(), "at last");
    let (mut sender, _connection) = bench.http2().await;
    assert_eq!(text(sender.send_request(get2("/")).await.unwrap()).await, "at last");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut() {
    let dropped = Event::new();
    let flood = {
        let dropped = dropped.clone();
        move |_: Inbound| {
            let body = Flood::body(&dropped);
            async move { Response::new(body) }
        }
    };
    let bench = Bench::start(LIMITS, flood);
    let mut wire = bench.wire().await;
    let start = Instant::now();
    wire.send(GET).await;
    wire.read_head().await;
    // Not one byte more is read.
    timeout(LONG, dropped.wait()).await.expect("the answer to be dropped");
    let passed = start.elapsed();
    assert!((LIMITS.idle_timeout..=LIMITS.idle_timeout * 2).contains(&passed), "{passed:?}");
}

/// Reads so many bytes each second; after how long the answer was dropped, if it was.
async fn sipped(bytes: usize, at_most: Duration) -> Option<Duration> {
    let dropped = Event::new();
    let flood = {
        let dropped = dropped.clone();
        move |_: Inbound| {
            let body = Flood::body(&dropped);
            async move { Response::new(body) }
        }
    };
    let bench = Bench::start(LIMITS, flood);
    let mut socket = bench.wire().await.into_inner();
    let start = Instant::now();
    socket.write_all(GET.as_bytes()).await.unwrap();
    let mut sip = vec![0; bytes];
    while start.elapsed() < at_most {
        if timeout(Duration::from_secs(1), dropped.wait()).await.is_ok() {
            return Some(start.elapsed());
        }
        let _ = socket.read(&mut sip).await.unwrap();
    }
    None
}

#[tokio::test(start_paused = true)]
async fn v_07_a_client_that_takes_an_answer_in_sips_is_cut() {
    let passed = sipped(100, LONG).await.expect("the answer to be dropped");
    assert!((LIMITS.idle_timeout..=LIMITS.idle_timeout * 2).contains(&passed), "{passed:?}");
    assert_eq!(sipped(1024, LIMITS.idle_timeout * 5).await, None, "slow, but it reads");
}

#[tokio::test(start_paused = true)]
async fn an_http2_client_that_does_not_read_is_cut() {
    let dropped = Event::new();
    let flood = {
        let dropped = dropped.clone();
        move |_: Inbound| {
            let body = Flood::body(&dropped);
            async move { Response::new(body) }
        }
    };
    let bench = Bench::start(LIMITS, flood);
    let (mut sender, _connection) = bench.http2().await;
    let start = Instant::now();
    let response = sender.send_request(get2("/")).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    // Kept, not read: its window stays shut.
    timeout(LONG, dropped.wait()).await.expect("the answer to be dropped");
    let passed = start.elapsed();
    assert_eq!(passed.as_secs(), 30);
    drop(response);
}
