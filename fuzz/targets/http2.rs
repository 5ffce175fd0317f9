//! What a peer says over HTTP/2 behind its preface, to a server and to a client of ours. However it is cut, it means the
//! same; what is answered to it is bounded; each request that is taken reads the same after it is written anew.
//!
//! A corpus file is a byte that says how the rest is cut (its highest bit: to a client), and the frames.

use std::io::IoSlice;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode, Uri};
use parking_lot::Mutex;
use sluicegate_core::{Fields, RequestHead};
use sluicegate_http2::{Connection, Fault, Incoming, Limits, Receiving, Role, Shared, ask};

const LIMITS: Limits = Limits {
    streams: 8,
    list: 4096,
    stream_window: 70_000,
    connection_window: 100_000,
    frame: 16 * 1024,
    control_frames: Some(20),
};

/// What a peer was understood to say: requests or answers, their bodies, and how it ended.
type Meant = (Vec<(String, HeaderMap, Vec<u8>, bool)>, Option<Fault>);

/// Reads what a peer says.
pub fn run(data: &[u8]) {
    let Some((first, said)) = data.split_first() else { return };
    let cut = usize::from(first & 0x7f) + 1;
    if first & 0x80 == 0 {
        let meant = by_server(said, usize::MAX);
        assert_eq!(meant, by_server(said, cut), "cut every {cut} bytes");
    } else {
        let meant = by_client(said, usize::MAX);
        assert_eq!(meant, by_client(said, cut), "cut every {cut} bytes");
    }
}

fn by_server(said: &[u8], cut: usize) -> Meant {
    let server = Arc::new(Mutex::new(Connection::new(Role::Server, LIMITS)));
    let fault = feed(&server, said, cut);
    let mut meant = Vec::new();
    loop {
        let next = server.lock().next_request(&server);
        let Some(Incoming { request, whole, mut body, mut reply }) = next else { break };
        if whole {
            assert_eq!(written_anew(&request), facts(&request));
        }
        let size: usize = request.headers.iter().map(|(name, value)| name.as_bytes().len() + value.len() + 32).sum();
        assert!(size <= LIMITS.list as usize, "{size} bytes of fields");
        let (bytes, end) = drain(&mut body);
        let (what, fields) = facts(&request);
        meant.push((what, fields, bytes, end));
        reply.answer(StatusCode::OK, &Fields::new(), true);
    }
    assert!(meant.len() <= LIMITS.streams as usize * 2);
    check_output(&server, said.len());
    assert!(server.lock().open() == 0, "all is given up");
    (meant, fault)
}

fn by_client(said: &[u8], cut: usize) -> Meant {
    let client = Arc::new(Mutex::new(Connection::new(Role::Client, LIMITS)));
    let target = Uri::from_static("http://a/");
    let asked = (0..4).filter_map(|nth| {
        let data = &mut Bytes::from_static(if nth < 2 { "" } else { "some" }.as_bytes());
        ask(&client, (&Method::POST, &target), &Fields::new(), data, nth % 2 == 0).ok()
    });
    let mut asked: Vec<_> = asked.collect();
    let fault = feed(&client, said, cut);
    let mut meant = Vec::new();
    let context = Context::from_waker(Waker::noop());
    for (_, back) in &mut asked {
        let head = match back.poll_head(&context) {
            Poll::Ready(Ok(response)) => (response.status.to_string(), HeaderMap::from(&response.headers)),
            Poll::Ready(Err(fault)) => (fault.to_string(), HeaderMap::new()),
            Poll::Pending => (String::new(), HeaderMap::new()),
        };
        let (bytes, end) = drain(back);
        let trailers = HeaderMap::from(&back.trailers().unwrap_or_default());
        meant.push((head.0, head.1, bytes, end));
        meant.push((String::new(), trailers, Vec::new(), end));
    }
    drop(asked);
    check_output(&client, said.len());
    assert!(client.lock().open() == 0, "all is given up");
    (meant, fault)
}

#[allow(clippy::disallowed_methods, reason = "any instant will do")]
fn feed(connection: &Shared, said: &[u8], cut: usize) -> Option<Fault> {
    let (now, mut input) = (Instant::now(), BytesMut::new());
    let mut pieces = said.chunks(cut.min(said.len().max(1)));
    pieces.find_map(|piece| {
        input.extend_from_slice(piece);
        connection.lock().receive(&mut input, piece.len(), now).err()
    })
}

fn drain(body: &mut Receiving) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let context = Context::from_waker(Waker::noop());
    loop {
        match body.poll_data(&context) {
            Poll::Ready(Some(Ok(piece))) => bytes.extend_from_slice(&piece),
            Poll::Ready(None) => return (bytes, true),
            Poll::Ready(Some(Err(_))) | Poll::Pending => return (bytes, false),
        }
    }
}

/// The greeting, a few requests, and for each frame at most a short one.
fn check_output(connection: &Shared, said: usize) {
    let length = output(&mut connection.lock()).len();
    assert!(length <= 1000 + said * 2, "{length} bytes are answered to {said}");
}

fn output(connection: &mut Connection) -> Vec<u8> {
    let mut all = Vec::new();
    while !connection.output().is_empty() {
        let mut slices = [IoSlice::new(&[]); 2];
        let count = connection.output().slices(&mut slices);
        let before = all.len();
        slices.iter().take(count).for_each(|slice| all.extend_from_slice(slice));
        let written = all.len() - before;
        assert!(written > 0);
        connection.wrote(written);
    }
    all
}

fn facts(request: &RequestHead) -> (String, HeaderMap) {
    (format!("{} {}", request.method, request.uri), HeaderMap::from(&request.headers))
}

/// The request as a server reads it that our client wrote.
fn written_anew(request: &RequestHead) -> (String, HeaderMap) {
    let client = Arc::new(Mutex::new(Connection::new(Role::Client, LIMITS)));
    let has_authority = request.uri.authority().is_some() && request.method != Method::CONNECT;
    if !has_authority || request.headers.contains("content-length") {
        return facts(request);
    }
    let asked = ask(&client, (&request.method, &request.uri), &request.headers, &mut Bytes::new(), false);
    let bytes = output(&mut client.lock());
    drop(asked);
    let server = Arc::new(Mutex::new(Connection::new(Role::Server, LIMITS)));
    let behind_the_preface = bytes.get(24..).unwrap_or_default();
    assert_eq!(feed(&server, behind_the_preface, usize::MAX), None);
    let next = server.lock().next_request(&server);
    next.map_or_else(|| (String::new(), HeaderMap::new()), |incoming| facts(&incoming.request))
}
