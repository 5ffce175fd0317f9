//! What a client of HTTP/2 can make the real gateway hold, and what it can make it hand on. Names begin with the row of the
//! project's list of attacks that they are for.

use std::net::SocketAddr;

use sluicegate_testkit::{Frame, Frames, Script, Upstream, Wire, kept, literal};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Gateway, PATIENCE, eventually, eventually_within};

/// Streams of an external listener.
const STREAMS: u32 = 64;

/// Enough that what an allocator keeps at hand in any case (some MiB) is little beside what the attack takes.
const CONNECTIONS: usize = 100;

/// What the rows allow a connection, in KiB.
const A_MEGABYTE_AND_A_HALF: u64 = 1536;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A gateway before one backend.
fn before(folder: &TempDir, protocol: &str, backend: SocketAddr) -> Gateway {
    let configuration = format!(
        "version: 1\nlisteners: {{ l: {{ address: 127.0.0.1:8080, authenticate: [anonymous] }} }}\nbackends: {{ b: {{ protocol: \
         {protocol}, endpoints: [\"http://{backend}\"] }} }}\nmodels: {{ m: {{ backend: b, timeout: 60s }} }}\n"
    );
    Gateway::of(folder.path(), &configuration).0
}

/// A head as large as an external listener takes, with a body to come: fields that are one byte each on the wire.
fn bomb(stream: u32, first: bool) -> Frame {
    let head = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/v1/chat/completions"),
        ("content-type", "application/json"),
    ];
    let mut block: Vec<u8> = head.iter().flat_map(|(name, value)| literal(name, value)).collect();
    // 59 fields of 100 + 1 + 32 bytes: with the others just below 8 KiB, and below 64 in number.
    let fields = 59;
    if first {
        block.extend(kept("x", &"y".repeat(100)));
        block.resize(block.len() + fields - 1, 0x80 | 62);
    } else {
        block.resize(block.len() + fields, 0x80 | 62);
    }
    Frame::new(Frame::HEADERS, Frame::END_HEADERS, stream, block)
}

/// All streams of a connection with heads that are kept, and no room for an answer.
async fn bombed(address: SocketAddr) -> Frames<TcpStream> {
    let mut client = Frames::open(Wire::connect(address).await, &[(4, 0)]).await;
    for nth in 0..STREAMS {
        client.send(&[bomb(nth * 2 + 1, nth == 0)]).await;
    }
    // Answered behind all of them.
    client.send(&[Frame::new(Frame::PING, 0, 0, [1; 8])]).await;
    let next = client.read_until(|frame| !matches!(frame.kind, Frame::SETTINGS | Frame::WINDOW_UPDATE)).await;
    assert_eq!((next.kind, next.flags), (Frame::PING, 1), "all of them are at work: {next:?}");
    client
}

#[test]
fn g_04_a_header_bomb_stays_within_a_megabyte_and_a_half_and_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = before(&folder, "openai", ([127, 0, 0, 1], 9).into());
    let runtime = runtime();
    // What is set up once is not counted.
    drop(runtime.block_on(bombed(gateway.data)));
    gateway.wait_until_in_flight(0);
    let before = gateway.memory();
    let clients: Vec<_> = (0..CONNECTIONS).map(|_| runtime.block_on(bombed(gateway.data))).collect();
    gateway.wait_until_in_flight(CONNECTIONS * STREAMS as usize);
    let taken = gateway.memory().saturating_sub(before);
    let each = taken / CONNECTIONS as u64;
    assert!(each <= A_MEGABYTE_AND_A_HALF, "{each} KiB a connection");
    drop(clients);
    gateway.wait_until_in_flight(0);
    eventually_within(PATIENCE, "four fifths of the memory to be given back", || {
        gateway.memory() <= before + taken / 5
    });
}

#[test]
fn g_06_a_client_that_does_not_read_holds_the_backend_back_and_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = runtime();
    let backend = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let gateway = before(&folder, "openai", backend.local_addr().unwrap());
    runtime.block_on(async {
        let mut client = Frames::open(Wire::connect(gateway.data).await, &[(4, 1000)]).await;
        let head = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/v1/chat/completions"),
            ("content-type", "application/json"),
        ];
        let body = br#"{"model":"m","messages":[],"stream":true}"#;
        client.send(&[Frame::head(1, 0, &head), Frame::new(Frame::DATA, Frame::END_STREAM, 1, *body)]).await;
        let (mut io, _) = backend.accept().await.unwrap();
        let mut wire = Wire::over(&mut io);
        wire.read_head().await;
        wire.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n").await;
        drop(wire);
        let events = b"data: {\"choices\":[]}\n\n".repeat(1000);
        let mut written = 0;
        // Until the gateway has given the client up, and with it this connection.
        let writing = async {
            while let Ok(more) = io.write(&events).await {
                written += more;
            }
        };
        tokio::time::timeout(PATIENCE, writing).await.expect("the stalled stream is given up");
        // The buffers of two sockets, and what is read ahead.
        assert!((1..16 << 20).contains(&written), "{written} bytes were taken that nobody reads");
        let reset = client.read_until(|frame| frame.kind == Frame::RESET).await;
        assert_eq!((reset.stream, reset.code()), (1, Some(0xb)));
    });
}

#[test]
fn h_19_what_a_client_nominates_or_says_of_itself_does_not_reach_the_backend() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let answer = Script::always("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}");
    let upstream = runtime.block_on(Upstream::start(answer));
    let gateway = before(&folder, "openai", upstream.address());
    let body = r#"{"model":"m","messages":[]}"#;
    let mut wire = runtime.block_on(Wire::connect(gateway.data));
    let said = [
        "connection: x-request-id, traceparent, x-forwarded-for, x-mine, host, content-length",
        "x-mine: dropped",
        "x-kept: passed",
        "x-request-id: ours-survives",
        "x-forwarded-for: 6.6.6.6",
        "x_forwarded_for: 6.6.6.7",
        "forwarded: for=6.6.6.8",
        "x-real-ip: 6.6.6.9",
        "x-tenant: victim",
        "x_tenant: victim",
        "x-user-id: victim",
        "x-ssl-client-verify: SUCCESS",
        "proxy-authorization: basic x",
        "cookie: session=victim",
        "keep-alive: timeout=9",
        "te: trailers",
        "x-original-url: /admin",
        "x-http-method-override: DELETE",
    ];
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n{}\r\ncontent-type: application/json\r\n",
        said.join("\r\n")
    );
    runtime.block_on(wire.send(format!("{head}content-length: {}\r\n\r\n{body}", body.len())));
    let response = runtime.block_on(wire.read_response());
    assert_eq!(response.status(), 200, "{}", response.text());
    let seen = upstream.recorder().text(0).to_ascii_lowercase();
    for there in [
        "x-kept: passed",
        "x-request-id: ours-survives",
        "traceparent: 00-",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-proto: http\r\n",
    ] {
        assert!(seen.contains(there), "{there} in {seen}");
    }
    for gone in
        ["6.6.6", "victim", "dropped", "success", "basic", "timeout=9", "te:", "override", "original", "keep-alive:"]
    {
        assert!(!seen.contains(gone), "{gone} in {seen}");
    }
}

#[test]
fn a_trusted_proxys_word_is_in_the_log_and_goes_to_the_backend() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let answer = Script::always("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}");
    let upstream = runtime.block_on(Upstream::start(answer));
    let configuration = format!(
        "version: 1\nlisteners: {{ l: {{ address: 127.0.0.1:8080, authenticate: [anonymous], trusted_proxies: [127.0.0.0/8] }} }}\n\
         backends: {{ b: {{ protocol: openai, endpoints: [\"http://{}\"] }} }}\nmodels: {{ m: {{ backend: b }} }}\n",
        upstream.address()
    );
    let (gateway, _) = Gateway::of(folder.path(), &configuration);
    let headers = [
        ("content-type", "application/json"),
        ("x-forwarded-for", "6.6.6.6, 192.0.2.7"),
        ("x-forwarded-proto", "https"),
    ];
    gateway.client().send("POST", "/v1/chat/completions", &headers, br#"{"model":"m","messages":[]}"#).expect(200);
    let record = gateway.wait_for_record(|record| record["model"] == "m");
    assert!(record["peer"].as_str().unwrap().starts_with("192.0.2.7"), "{record}");
    eventually("the request to be recorded", || upstream.recorder().connections() > 0);
    let seen = upstream.recorder().text(0).to_ascii_lowercase();
    assert!(seen.contains("x-forwarded-for: 192.0.2.7\r\n") && seen.contains("x-forwarded-proto: https\r\n"), "{seen}");
    assert!(!seen.contains("6.6.6.6"), "{seen}");
}
