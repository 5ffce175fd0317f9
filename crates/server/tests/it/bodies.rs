//! Request bodies: bounded in size and time, with back-pressure, without trailers.

use std::time::Duration;

use http::StatusCode;
use http_body::Body as _;
use sluicegate_core::{Body, BodyError, Inbound, Response};
use sluicegate_server::{Exposure, Limits};
use sluicegate_testkit::Event;
use tokio::time::{Instant, timeout};

use crate::support::{Bench, answer, collect, echo, post2, text};

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

/// A chunked POST of `chunks`, without its end.
fn chunked(chunks: &[&str]) -> String {
    let body: String = chunks.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len())).collect();
    format!("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{body}")
}

fn sized(length: usize) -> String {
    format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n")
}

#[tokio::test(start_paused = true)]
async fn bodies_arrive_whole() {
    let bench = Bench::start(LIMITS, echo);
    let mut wire = bench.wire().await;
    let body = "b".repeat(1024);
    wire.send(sized(1024) + &body).await;
    assert_eq!(wire.read_response().await.text(), body);
    wire.send(chunked(&[&body[..1], &body[1..]]) + "0\r\n\r\n").await;
    assert_eq!(wire.read_response().await.text(), body);
    let (mut sender, _connection) = bench.http2().await;
    let response = sender.send_request(post2("/", Body::from(body.clone()))).await.unwrap();
    assert_eq!(text(response).await, body);
}

#[tokio::test(start_paused = true)]
async fn a_declared_length_over_the_limit_is_seen_before_a_byte() {
    let look = |inbound: Inbound| async move {
        let declared = inbound.body.size_hint().lower();
        match collect(inbound.body).await {
            Err(BodyError::TooLarge { limit }) => {
                answer(StatusCode::PAYLOAD_TOO_LARGE, format!("{declared} over {limit}"))
            }
            other => answer(StatusCode::OK, format!("{other:?}")),
        }
    };
    let bench = Bench::start(LIMITS, look);
    let mut wire = bench.wire().await;
    wire.send("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 1025\r\n\r\n").await;
    // No `100 Continue` before it.
    let response = wire.read_response().await;
    assert_eq!((response.status(), response.text().as_str()), (413, "1025 over 1024"));
    let (mut sender, _connection) = bench.http2().await;
    let response = sender.send_request(post2("/", Body::from(vec![0; 1025]))).await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(text(response).await, "1025 over 1024");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_grows_over_the_limit_is_too_large() {
    let bench = Bench::start(LIMITS, echo);
    let mut wire = bench.wire().await;
    let half = "b".repeat(600);
    wire.send(chunked(&[&half, &half])).await;
    let response = wire.read_response().await;
    assert_eq!((response.status(), response.text().as_str()), (413, "over 1024"));

    let (mut sender, _connection) = bench.http2().await;
    let pieces = Body::stream(http_body_util::StreamBody::new(futures_util::stream::iter(
        [600, 600].map(|length| Ok(http_body::Frame::data(vec![0; length].into()))),
    )));
    let response = sender.send_request(post2("/", pieces)).await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_may_finish_sending_before_it_reads() {
    let bench = Bench::start(LIMITS, echo);
    let mut wire = bench.wire().await;
    wire.send(sized(4 * 1024 * 1024)).await;
    // Far more than the connection buffers: it is read away, or this would break.
    wire.send(vec![b'x'; 1024 * 1024]).await;
    assert_eq!(wire.read_response().await.status(), 413);
    // But not for ever.
    let start = Instant::now();
    while start.elapsed() < LIMITS.idle_timeout && wire.try_send("x").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(start.elapsed() < LIMITS.idle_timeout, "it is still read");
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_times_out() {
    let bench = Bench::start(LIMITS, echo);
    let mut wire = bench.wire().await;
    let start = Instant::now();
    wire.send(sized(10)).await;
    for _ in 0..5 {
        // Bytes now and then do not buy time.
        wire.send("x").await;
        tokio::time::sleep(LIMITS.body_timeout / 6).await;
    }
    let response = wire.read_response().await;
    assert_eq!((response.status(), response.text().as_str()), (408, "timed out"));
    assert_eq!(start.elapsed().as_secs(), LIMITS.body_timeout.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_slow_http2_body_times_out() {
    let bench = Bench::start(LIMITS, echo);
    let (mut sender, _connection) = bench.http2().await;
    let never = Body::stream(http_body_util::StreamBody::new(futures_util::stream::pending()));
    let response = sender.send_request(post2("/", never)).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn time_in_which_the_handler_does_not_read_does_not_count() {
    let late = |inbound: Inbound| async {
        tokio::time::sleep(LIMITS.body_timeout * 3).await;
        echo(inbound).await
    };
    let bench = Bench::start(LIMITS, late);
    let mut wire = bench.wire().await;
    wire.send(sized(3) + "abc").await;
    assert_eq!(wire.read_response().await.text(), "abc");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_not_read_is_not_taken() {
    let release = Event::new();
    let held = {
        let release = release.clone();
        move |inbound: Inbound| {
            let release = release.clone();
            async move {
                release.wait().await;
                echo(inbound).await
            }
        }
    };
    let bench = Bench::start(Limits { body: u64::MAX, ..LIMITS }, held);
    let mut wire = bench.wire().await;
    let body = vec![b'x'; 16 * 1024 * 1024];
    wire.send(sized(body.len())).await;
    let held_back = timeout(Duration::from_secs(5), wire.try_send(&body[..8 * 1024 * 1024])).await;
    assert!(held_back.is_err(), "8 MiB were taken that nobody read");
}

#[tokio::test(start_paused = true)]
async fn bodies_in_bad_framing_are_broken() {
    for rest in ["zz\r\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "fffffffffffffffff\r\n"] {
        let bench = Bench::start(LIMITS, echo);
        let mut wire = bench.wire().await;
        wire.send(chunked(&["ok"]) + rest).await;
        let end = wire.read_to_end().await;
        // Either the handler's answer, or a close: never a body taken for whole, never a second request.
        let text = String::from_utf8_lossy(&end);
        assert!(end.is_empty() || text.starts_with("HTTP/1.1 400 "), "{rest:?}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn trailers_of_a_request_are_dropped() {
    let frames = |mut inbound: Inbound| async move {
        let mut seen = String::new();
        while let Some(frame) = http_body_util::BodyExt::frame(&mut inbound.body).await {
            let frame = frame.expect("a whole body");
            seen.push(if frame.is_data() { 'd' } else { 't' });
        }
        assert!(!inbound.head.headers.contains("x-tenant"));
        Response::new(Body::from(seen))
    };
    let bench = Bench::start(LIMITS, frames);
    let mut wire = bench.wire().await;
    let head = "POST / HTTP/1.1\r\nhost: a\r\ntrailer: x-tenant\r\ntransfer-encoding: chunked\r\n\r\n";
    wire.send(format!("{head}2\r\nok\r\n0\r\nx-tenant: b\r\n\r\n")).await;
    assert_eq!(wire.read_response().await.text(), "d");
}

/// Sends a body of `length` bytes, `each` of them a second, behind `first`; after how long it is cut.
async fn cut_after(limits: Limits, first: usize, each: usize, seconds: u64) -> Option<Duration> {
    let bench = Bench::start(limits, echo);
    let mut wire = bench.wire().await;
    let start = Instant::now();
    wire.send(sized(1 << 30)).await;
    wire.send("x".repeat(first)).await;
    for _ in 0..seconds {
        wire.send("x".repeat(each)).await;
        if let Ok(response) = timeout(Duration::from_secs(1), wire.read_response()).await {
            assert_eq!((response.status(), response.text().as_str()), (408, "timed out"));
            return Some(start.elapsed());
        }
    }
    None
}

/// The limits of a body that may be long in coming, but must bring so many bytes a second.
const fn rated(body_min_rate: u64) -> Limits {
    Limits { body: u64::MAX, body_timeout: Duration::from_secs(3600), body_min_rate, ..LIMITS }
}

#[tokio::test(start_paused = true)]
async fn v_07_a_body_that_brings_too_little_is_cut() {
    let seconds = async |first, each| cut_after(rated(1024), first, each, 300).await.map(|time| time.as_secs());
    assert_eq!(seconds(0, 0).await, Some(10), "nothing at all");
    assert_eq!(seconds(0, 512).await, Some(19), "half of it: 10 s late after twice as long, less the first second's");
    assert_eq!(seconds(0, 1024).await, None, "what is asked for");
    assert_eq!(seconds(1 << 20, 0).await, Some(10), "a large part buys no silence after it");
    assert_eq!(cut_after(rated(0), 0, 0, 300).await, None, "no rate is asked for");
}

#[tokio::test(start_paused = true)]
async fn v_07_a_body_over_http2_that_brings_too_little_is_cut() {
    let bench = Bench::start(rated(1024), echo);
    let (mut sender, _connection) = bench.http2().await;
    let start = Instant::now();
    let never = Body::stream(http_body_util::StreamBody::new(futures_util::stream::pending()));
    let response = sender.send_request(post2("/", never)).await.unwrap();
    assert_eq!((response.status(), start.elapsed().as_secs()), (StatusCode::REQUEST_TIMEOUT, 10));
}

#[tokio::test(start_paused = true)]
async fn v_07_a_stream_of_requests_is_held_to_no_rate() {
    let at_leisure = |inbound: Inbound| async move {
        inbound.head.leisure.as_ref().expect("a body that comes in pieces").take();
        echo(inbound).await
    };
    let bench = Bench::start(rated(1024), at_leisure);
    let mut wire = bench.wire().await;
    wire.send(sized(3)).await;
    for byte in ["a", "b", "c"] {
        tokio::time::sleep(Duration::from_secs(60)).await;
        wire.send(byte).await;
    }
    assert_eq!(wire.read_response().await.text(), "abc");
}
