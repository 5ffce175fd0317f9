//! HTTP/2 clients that do what no honest one does, frame by frame. Names begin with the row of the project's list of
//! attacks that they are for.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use sluicegate_core::{Body, BodyError, Inbound, Kind, Outbound, Response};
use sluicegate_server::{Exposure, Handler, Limits};
use sluicegate_testkit::{Event, Frame, Frames, kept, literal, within};
use tokio::io::DuplexStream;
use tokio::time::Instant;

use crate::support::{Bench, LONG, Stuck, answer, echo};

const CALM: u32 = 0xb;
const PROTOCOL: u32 = 1;
const FLOW_CONTROL: u32 = 3;
const STREAM_CLOSED: u32 = 5;

const GET: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/")];
const POST: [(&str, &str); 4] = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/")];

/// Counts the requests it is asked at once and in all, and never answers.
#[derive(Clone, Default)]
struct Counted {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    all: Arc<AtomicUsize>,
    begun: Arc<tokio::sync::Notify>,
}

struct Leave(Arc<AtomicUsize>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Handler for Counted {
    async fn serve(&self, _inbound: Inbound) -> Outbound {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        let _leave = Leave(Arc::clone(&self.now));
        self.most.fetch_max(now, Ordering::SeqCst);
        self.all.fetch_add(1, Ordering::SeqCst);
        self.begun.notify_one();
        std::future::pending().await
    }
}

async fn open(bench: &Bench, settings: &[(u16, u32)]) -> Frames<DuplexStream> {
    Frames::open(bench.wire().await, settings).await
}

fn stream(nth: u32) -> u32 {
    nth * 2 + 1
}

/// Why the server ended the connection.
async fn goodbye(client: &mut Frames<DuplexStream>) -> Option<u32> {
    let frames = client.read_to_end().await;
    frames.iter().rev().find(|frame| frame.kind == Frame::GOAWAY).and_then(Frame::code)
}

#[tokio::test(start_paused = true)]
async fn g_01_a_rapid_reset_is_not_served_and_ends_the_connection() {
    let counted = Counted::default();
    let bench = Bench::start(Limits::default(), counted.clone());
    let mut client = open(&bench, &[]).await;
    for nth in 0..10_000 {
        let pair = [Frame::head(stream(nth), Frame::END_STREAM, &GET), Frame::reset(stream(nth), 8)];
        if client.try_send(&pair).await.is_err() {
            break;
        }
    }
    assert_eq!(goodbye(&mut client).await, Some(CALM));
    assert!(counted.all.load(Ordering::SeqCst) <= Limits::default().streams as usize);
    assert_eq!(counted.now.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn g_01_resets_of_what_is_served_end_the_connection_too() {
    let counted = Counted::default();
    let bench = Bench::start(Limits::default(), counted.clone());
    let mut client = open(&bench, &[]).await;
    let mut sent = 0;
    while sent < 10_000 {
        if client.try_send(&[Frame::head(stream(sent), Frame::END_STREAM, &GET)]).await.is_err() {
            break;
        }
        // Each is at work before it is taken back.
        if tokio::time::timeout(Duration::from_millis(1), counted.begun.notified()).await.is_err() {
            break;
        }
        if client.try_send(&[Frame::reset(stream(sent), 8)]).await.is_err() {
            break;
        }
        sent += 1;
    }
    assert!((500..600).contains(&sent), "{sent}");
    assert_eq!(goodbye(&mut client).await, Some(CALM));
    assert_eq!(counted.most.load(Ordering::SeqCst), 1);
    assert_eq!(counted.now.load(Ordering::SeqCst), 0);
}

/// What a client does to a stream, and the code the server must reset it with.
type Provocation = (&'static str, fn(u32) -> Frame, u32);

#[tokio::test(start_paused = true)]
async fn g_02_streams_whose_client_provokes_a_reset_are_dropped_and_end_the_connection() {
    let provocations: [Provocation; 4] = [
        ("no room at all", |stream| Frame::room(stream, 0), PROTOCOL),
        ("too much room", |stream| Frame::room(stream, 0x7fff_ffff), FLOW_CONTROL),
        (
            "a stream below itself",
            |stream| Frame::new(Frame::PRIORITY, 0, stream, [stream.to_be_bytes().as_slice(), &[0]].concat()),
            PROTOCOL,
        ),
        ("bytes behind the end", |stream| Frame::new(Frame::DATA, 0, stream, *b"x"), STREAM_CLOSED),
    ];
    for (what, provoke, code) in provocations {
        let counted = Counted::default();
        let bench = Bench::start(Limits::default(), counted.clone());
        let mut client = open(&bench, &[]).await;
        let mut sent = 0;
        while sent < 1000 {
            let both = [Frame::head(stream(sent), Frame::END_STREAM, &GET), provoke(stream(sent))];
            if client.try_send(&both).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
            sent += 1;
        }
        assert!(sent < 200, "{what}: {sent} times");
        let why = goodbye(&mut client).await;
        // Some end the connection at once.
        assert!([CALM, PROTOCOL, code].map(Some).contains(&why), "{what}: {why:?}");
        assert!(counted.most.load(Ordering::SeqCst) <= Limits::default().streams as usize, "{what}");
        assert_eq!(counted.now.load(Ordering::SeqCst), 0, "{what}: work goes on");
    }
}

/// An answer without end that counts what was taken of it, and says when it is dropped.
struct Taken {
    bytes: Arc<AtomicUsize>,
    _dropped: Box<dyn Send + Sync>,
}

impl http_body::Body for Taken {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, BodyError>>> {
        const PIECE: &[u8] = &[b'x'; 1024];
        self.bytes.fetch_add(PIECE.len(), Ordering::SeqCst);
        Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from_static(PIECE)))))
    }
}

fn endless(taken: &Arc<AtomicUsize>, dropped: &Event) -> impl Handler + use<> {
    let (taken, dropped) = (Arc::clone(taken), dropped.clone());
    move |_: Inbound| {
        let body = Body::stream(Taken { bytes: Arc::clone(&taken), _dropped: Box::new(dropped.on_drop()) });
        async move { Response::new(body) }
    }
}

#[tokio::test(start_paused = true)]
async fn g_04_drops_of_room_buy_a_stalled_stream_no_time() {
    for drip in [50, 1] {
        let (taken, dropped) = (Arc::default(), Event::new());
        let bench = Bench::start(Limits::default(), endless(&taken, &dropped));
        let mut client = open(&bench, &[(4, 0)]).await;
        let start = Instant::now();
        client.send(&[Frame::head(1, Frame::END_STREAM, &GET)]).await;
        let dripping = async {
            loop {
                tokio::time::sleep(Duration::from_secs(drip)).await;
                client.send(&[Frame::room(1, 1)]).await;
                // Another stream moves all the time.
                client.send(&[Frame::room(0, 1)]).await;
            }
        };
        tokio::select! {
            () = dropped.wait() => {}
            () = dripping => {}
        }
        assert!(start.elapsed() <= Duration::from_secs(31), "{drip}: {:?}", start.elapsed());
        let reset = client.read_until(|frame| frame.kind == Frame::RESET).await;
        assert_eq!((reset.stream, reset.code()), (1, Some(CALM)));
    }
}

#[tokio::test(start_paused = true)]
async fn g_04_a_stalled_stream_is_reset_while_others_are_served() {
    let mixed = |inbound: Inbound| async move {
        match inbound.head.uri.path() {
            "/stall" => Response::new(Body::from(vec![b'x'; 1024])),
            _ => answer(StatusCode::OK, ""),
        }
    };
    let bench = Bench::start(Limits::default(), mixed);
    let mut client = open(&bench, &[(4, 0)]).await;
    let stall = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/stall")];
    client.send(&[Frame::head(1, Frame::END_STREAM, &stall)]).await;
    let start = Instant::now();
    for nth in 1.. {
        client.send(&[Frame::head(stream(nth), Frame::END_STREAM, &GET)]).await;
        let next = client.read_until(|frame| matches!(frame.kind, Frame::RESET) || frame.stream == stream(nth)).await;
        if next.kind == Frame::RESET {
            assert_eq!((next.stream, next.code()), (1, Some(CALM)));
            break;
        }
        assert_eq!(next.status(), Some(200));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(start.elapsed() <= Duration::from_secs(32), "{:?}", start.elapsed());
    // The connection serves on.
    client.send(&[Frame::head(9999, Frame::END_STREAM, &GET)]).await;
    assert_eq!(client.read_until(|frame| frame.stream == 9999).await.status(), Some(200));
}

#[tokio::test(start_paused = true)]
async fn g_05_cookie_crumbs_are_counted_as_fields() {
    for (crumbs, served) in [(64, true), (65, false), (4000, false)] {
        let counted = Counted::default();
        let bench = Bench::start(Limits::default(), counted.clone());
        let mut client = open(&bench, &[]).await;
        let mut block: Vec<u8> = GET.iter().flat_map(|(name, value)| literal(name, value)).collect();
        block.extend(kept("cookie", "a"));
        // One byte each: the field that was kept last.
        block.resize(block.len() + crumbs - 1, 0x80 | 62);
        client.send(&[Frame::new(Frame::HEADERS, Frame::END_STREAM | Frame::END_HEADERS, 1, block)]).await;
        if served {
            within("the request", counted.begun.notified()).await;
            continue;
        }
        let end = client.read_until(|frame| matches!(frame.kind, Frame::HEADERS | Frame::RESET | Frame::GOAWAY)).await;
        assert!(end.kind != Frame::HEADERS || end.status() == Some(431), "{crumbs}: {end:?}");
        assert_eq!(counted.all.load(Ordering::SeqCst), 0, "{crumbs}");
    }
}

#[tokio::test(start_paused = true)]
async fn g_06_of_a_stalled_answer_little_is_read_ahead() {
    let (taken, dropped) = (Arc::<AtomicUsize>::default(), Event::new());
    let bench = Bench::start(Limits::default(), endless(&taken, &dropped));
    for window in [0, 1000] {
        taken.store(0, Ordering::SeqCst);
        let streams = Limits::default().streams;
        let mut client = open(&bench, &[(4, window)]).await;
        for nth in 0..streams {
            client.send(&[Frame::head(stream(nth), Frame::END_STREAM, &GET)]).await;
        }
        for _ in 0..streams {
            client.read_until(|frame| frame.kind == Frame::HEADERS).await;
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        let each = taken.load(Ordering::SeqCst) / streams as usize;
        assert!(each <= 64 * 1024, "{window}: {each} bytes a stream");
        for _ in 0..streams {
            let reset = client.read_until(|frame| frame.kind == Frame::RESET).await;
            assert_eq!(reset.code(), Some(CALM));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn g_07_floods_end_the_connection_also_when_the_answers_are_not_read() {
    let floods: [(&str, Frame); 7] = [
        ("PING", Frame::new(Frame::PING, 0, 0, [7; 8])),
        ("answers to no PING", Frame::new(Frame::PING, 1, 0, [7; 8])),
        ("SETTINGS", Frame::new(Frame::SETTINGS, 0, 0, Vec::new())),
        ("PRIORITY", Frame::new(Frame::PRIORITY, 0, 3, [0, 0, 0, 0, 1])),
        ("empty DATA", Frame::new(Frame::DATA, 0, 1, Vec::new())),
        ("unknown", Frame::new(0x42, 0, 0, [1; 10])),
        ("WINDOW_UPDATE", Frame::room(1, 1)),
    ];
    for (what, frame) in floods {
        let stuck = Stuck::default();
        let bench = Bench::start(Limits::default(), stuck.clone());
        let mut client = open(&bench, &[]).await;
        client.send(&[Frame::head(1, 0, &POST)]).await;
        let mut sent = 0;
        while sent < 10_000 && client.try_send(std::slice::from_ref(&frame)).await.is_ok() {
            sent += 1;
            // Not one byte is read meanwhile.
            tokio::task::yield_now().await;
        }
        within("the work to be dropped", stuck.dropped.wait()).await;
        assert_eq!(goodbye(&mut client).await, Some(CALM), "{what}: after {sent}");
    }
}

#[tokio::test(start_paused = true)]
async fn g_07_a_few_control_frames_are_no_flood() {
    let bench = Bench::start(Limits::default(), echo);
    let mut client = open(&bench, &[]).await;
    for round in 0..10 {
        // The settings it began with are one, too.
        for _ in 0..99 {
            client.send(&[Frame::new(Frame::PING, 0, 0, [7; 8])]).await;
            client.read_until(|frame| frame.kind == Frame::PING).await;
        }
        client.send(&[Frame::head(stream(round), Frame::END_STREAM, &GET)]).await;
        client.read_until(|frame| frame.kind == Frame::HEADERS).await;
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
}

/// Counts what was served, and keeps what was refused.
#[derive(Clone, Default)]
struct Ledger(Arc<parking_lot::Mutex<(usize, Vec<Kind>)>>);

impl Handler for Ledger {
    async fn serve(&self, _: Inbound) -> Outbound {
        self.0.lock().0 += 1;
        answer(StatusCode::OK, "served")
    }

    fn refused(&self, _: &Arc<str>, kind: Kind) {
        self.0.lock().1.push(kind);
    }
}

/// What becomes of a request with this head, which ends the stream: the status of its answer, or the code of its reset.
async fn outcome(fields: &[(&str, &str)]) -> Result<u16, u32> {
    let ledger = Ledger::default();
    let bench = Bench::start(Limits::default(), ledger.clone());
    let mut client = open(&bench, &[]).await;
    client.send(&[Frame::head(1, Frame::END_STREAM, fields)]).await;
    let end = client.read_until(|frame| matches!(frame.kind, Frame::HEADERS | Frame::RESET | Frame::GOAWAY)).await;
    let outcome = match end.kind {
        Frame::HEADERS => Ok(end.status().expect("a status")),
        _ => Err(end.code().expect("a code")),
    };
    if outcome != Ok(200) {
        assert_eq!(ledger.0.lock().0, 0, "{fields:?} was served");
    }
    if end.kind != Frame::GOAWAY {
        // One stream is refused, the next is served.
        client.send(&[Frame::head(3, Frame::END_STREAM, &GET)]).await;
        assert_eq!(client.read_until(|frame| frame.stream == 3).await.status(), Some(200), "{fields:?}");
    }
    outcome
}

/// A head with one pseudo-field changed.
fn with(name: &str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    GET.iter().map(|(key, old)| (*key, if *key == name { value } else { *old })).collect()
}

/// A head with a field more.
fn and(name: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    GET.iter().copied().chain([(name, value)]).collect()
}

#[tokio::test(start_paused = true)]
async fn g_08_heads_with_more_than_one_meaning_are_refused() {
    assert_eq!(outcome(&GET).await, Ok(200));
    assert_eq!(outcome(&and("host", "a")).await, Ok(200));
    for (head, status) in [
        (and("host", "b"), 400),
        (with(":authority", "user@a"), 400),
        (with(":authority", "user:word@a"), 400),
        (with(":scheme", "file"), 400),
        (with(":scheme", "ftp"), 400),
        (with(":path", "*"), 400),
        (with(":method", "TRACE"), 405),
        (with(":method", "get"), 400),
        (with(":path", "/a/../b"), 400),
        (vec![(":method", "CONNECT"), (":authority", "a:80")], 405),
    ] {
        assert_eq!(outcome(&head).await, Ok(status), "{head:?}");
    }
    for head in [
        with(":path", "a"),
        with(":path", ""),
        with(":authority", "a b"),
        // Extended CONNECT is not offered.
        vec![
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/"),
        ],
        and("connection", "close"),
        and("keep-alive", "timeout=5"),
        and("proxy-connection", "close"),
        and("transfer-encoding", "chunked"),
        and("upgrade", "h2c"),
        and("te", "gzip"),
        and(":path", "/other"),
        and(":late", "x"),
        vec![(":scheme", "http"), (":authority", "a"), (":path", "/")],
        vec![(":method", "GET"), (":authority", "a"), (":path", "/")],
        vec![(":method", "GET"), (":scheme", "http"), (":authority", "a")],
    ] {
        let outcome = outcome(&head).await;
        assert!(outcome == Ok(400) || outcome == Ok(405) || outcome.is_err(), "{head:?}: {outcome:?}");
    }
    assert_eq!(outcome(&and("te", "trailers")).await, Ok(200));
}

#[tokio::test(start_paused = true)]
async fn g_09_what_would_become_a_line_of_its_own_is_refused() {
    for head in [
        and("x", "a\r\nx-tenant: b"),
        and("x", "a\nb"),
        and("x", "a\0b"),
        and("x\r\ny", "a"),
        and("x: y", "a"),
        and("x y", "a"),
        and("X", "a"),
        and("", "a"),
        with(":path", "/ HTTP/1.1\r\nx: y"),
        with(":path", "/a b"),
        with(":method", "GET / HTTP/1.1\r\nx: y\r\n\r\n"),
        with(":authority", "a\r\nx: y"),
    ] {
        let outcome = outcome(&head).await;
        assert!(outcome == Ok(400) || outcome.is_err(), "{head:?}: {outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn g_09_a_body_that_is_not_as_long_as_its_head_says_is_broken() {
    for (length, body) in [("5", "abc"), ("2", "abc")] {
        let bench = Bench::start(Limits::default(), echo);
        let mut client = open(&bench, &[]).await;
        let fields: Vec<_> = POST.iter().copied().chain([("content-length", length)]).collect();
        client.send(&[Frame::head(1, 0, &fields), Frame::new(Frame::DATA, Frame::END_STREAM, 1, body)]).await;
        let end = client.read_until(|frame| matches!(frame.kind, Frame::HEADERS | Frame::RESET)).await;
        assert!(end.code() == Some(PROTOCOL) || end.status() == Some(400), "{length}: {end:?}");
    }
    let two: Vec<_> = POST.iter().copied().chain([("content-length", "3"), ("content-length", "4")]).collect();
    let bench = Bench::start(Limits::default(), echo);
    let mut client = open(&bench, &[]).await;
    client.send(&[Frame::head(1, 0, &two), Frame::new(Frame::DATA, Frame::END_STREAM, 1, *b"abc")]).await;
    let end = client.read_until(|frame| matches!(frame.kind, Frame::HEADERS | Frame::RESET)).await;
    assert!(end.code() == Some(PROTOCOL) || end.status() == Some(400), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn g_10_a_length_without_a_body_is_refused() {
    assert_eq!(outcome(&and("content-length", "5")).await, Err(PROTOCOL));
    assert_eq!(outcome(&and("content-length", "0")).await, Ok(200));
}

#[tokio::test(start_paused = true)]
async fn g_11_an_upgrade_to_http2_is_not_taken() {
    let bench = Bench::start(Limits::default(), echo);
    let mut wire = bench.wire().await;
    wire.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n").await;
    let response = wire.read_response().await;
    assert!(matches!(response.status(), 200 | 400), "{}", response.status());
    // Half a preface is neither.
    let mut wire = bench.wire().await;
    wire.send("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n").await;
    let end = wire.read_to_end().await;
    assert!(end.is_empty() || end.starts_with(b"HTTP/1.1 4") || end.starts_with(b"HTTP/1.1 5"), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn a_vanished_client_is_found() {
    let stuck = Stuck::default();
    let bench = Bench::start(Limits { exposure: Exposure::Internal, ..Limits::default() }, stuck.clone());
    let mut client = open(&bench, &[]).await;
    client.send(&[Frame::head(1, Frame::END_STREAM, &GET)]).await;
    let start = Instant::now();
    // It answers once, then no more.
    let ping = client.read_until(|frame| frame.kind == Frame::PING && frame.flags == 0).await;
    assert_eq!(start.elapsed().as_secs(), 60, "it was silent in the second half of it");
    client.send(&[Frame::new(Frame::PING, 1, 0, ping.payload)]).await;
    tokio::time::timeout(LONG, stuck.dropped.wait()).await.expect("the work to be dropped");
    assert_eq!(start.elapsed().as_secs(), 60 + 30 + 10);
}
