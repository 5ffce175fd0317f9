//! The rules of RFC 9113 that a peer may break, frame by frame, and what is bounded.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode};
use parking_lot::Mutex;
use sluicegate_core::Fields;
use sluicegate_http2::{Code, Connection, Fault, Incoming, Origin, Role, Shared, ask};

use crate::support::{LIMITS, connection, now, read, written};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ROOM: u8 = 8;
const MORE: u8 = 9;
const END: u8 = 1;
const WHOLE: u8 = 4;

/// `POST`, `http`, `/`, of `a`.
const HEAD: &[u8] = &[0x83, 0x86, 0x84, 0x01, 0x01, b'a'];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn room(stream: u32, bytes: u32) -> Vec<u8> {
    frame(ROOM, 0, stream, &bytes.to_be_bytes())
}

/// A server that was greeted.
fn server() -> Shared {
    let server = connection(Role::Server);
    take(&server, &frame(SETTINGS, 0, 0, &[])).unwrap();
    written(&server);
    server
}

fn take(connection: &Shared, bytes: &[u8]) -> Result<(), Fault> {
    connection.lock().receive(&mut BytesMut::from(bytes), bytes.len(), now())
}

fn next(server: &Shared) -> Option<Incoming> {
    server.lock().next_request(server)
}

/// What was said since: kinds, streams and payloads.
fn said(connection: &Shared) -> Vec<(u8, u32, Vec<u8>)> {
    let bytes = written(connection);
    let (mut rest, mut frames) = (&bytes[..], Vec::new());
    while let Some((head, payload)) = rest.split_first_chunk::<9>() {
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        frames.push((head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload[..length].to_vec()));
        rest = &payload[length..];
    }
    frames
}

fn resets(connection: &Shared) -> Vec<(u32, u8)> {
    said(connection).into_iter().filter(|frame| frame.0 == RESET).map(|frame| (frame.1, frame.2[3])).collect()
}

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

#[test]
fn what_breaks_a_connection() {
    let head = frame(HEADERS, WHOLE, 1, HEAD);
    let cases: Vec<(&str, Vec<u8>, Code)> = vec![
        ("a body of no stream", frame(DATA, 0, 0, b"x"), Code::PROTOCOL_ERROR),
        ("a body of an idle stream", frame(DATA, 0, 1, b"x"), Code::PROTOCOL_ERROR),
        ("a head of no stream", frame(HEADERS, WHOLE, 0, HEAD), Code::PROTOCOL_ERROR),
        ("a head of an even stream", frame(HEADERS, WHOLE, 2, HEAD), Code::PROTOCOL_ERROR),
        ("more padding than head", frame(HEADERS, WHOLE | 8, 1, &[9, 0x83]), Code::PROTOCOL_ERROR),
        ("no padding", frame(HEADERS, WHOLE | 8, 1, &[]), Code::FRAME_SIZE_ERROR),
        ("no priority", frame(HEADERS, WHOLE | 0x20, 1, &[0; 4]), Code::FRAME_SIZE_ERROR),
        ("below itself", frame(HEADERS, WHOLE | 0x20, 1, &[&[0, 0, 0, 1, 0], HEAD].concat()), Code::PROTOCOL_ERROR),
        ("a head that is none", frame(HEADERS, WHOLE, 1, &[0x80]), Code::COMPRESSION_ERROR),
        ("a head that is interrupted", [frame(HEADERS, 0, 1, HEAD), room(0, 1)].concat(), Code::PROTOCOL_ERROR),
        ("another's rest", [frame(HEADERS, 0, 1, HEAD), frame(MORE, 4, 3, b"")].concat(), Code::PROTOCOL_ERROR),
        ("a rest of nothing", frame(MORE, WHOLE, 1, HEAD), Code::PROTOCOL_ERROR),
        ("a promise", frame(PUSH, WHOLE, 1, &[0, 0, 0, 2]), Code::PROTOCOL_ERROR),
        ("a reset of nothing", frame(RESET, 0, 1, &[0; 4]), Code::PROTOCOL_ERROR),
        ("a short reset", frame(RESET, 0, 1, &[0; 3]), Code::FRAME_SIZE_ERROR),
        ("half a setting", frame(SETTINGS, 0, 0, &[0; 5]), Code::FRAME_SIZE_ERROR),
        ("settings of a stream", frame(SETTINGS, 0, 1, &[]), Code::PROTOCOL_ERROR),
        ("an answer with settings", frame(SETTINGS, 1, 0, &[0; 6]), Code::FRAME_SIZE_ERROR),
        ("two answers to one", frame(SETTINGS, 1, 0, &[]).repeat(2), Code::PROTOCOL_ERROR),
        ("a window too large", frame(SETTINGS, 0, 0, &[0, 4, 0x80, 0, 0, 0]), Code::FLOW_CONTROL_ERROR),
        ("frames too small", frame(SETTINGS, 0, 0, &[0, 5, 0, 0, 0x3f, 0xff]), Code::PROTOCOL_ERROR),
        ("frames too large", frame(SETTINGS, 0, 0, &[0, 5, 1, 0, 0, 0]), Code::PROTOCOL_ERROR),
        ("a push of two", frame(SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 2]), Code::PROTOCOL_ERROR),
        ("a short ping", frame(PING, 0, 0, &[0; 7]), Code::FRAME_SIZE_ERROR),
        ("a ping of a stream", frame(PING, 0, 1, &[0; 8]), Code::PROTOCOL_ERROR),
        ("a short goodbye", frame(GOAWAY, 0, 0, &[0; 7]), Code::FRAME_SIZE_ERROR),
        ("no room", room(0, 0), Code::PROTOCOL_ERROR),
        ("too much room", room(0, 0x7fff_ffff), Code::FLOW_CONTROL_ERROR),
        ("room for an idle stream", room(1, 1), Code::PROTOCOL_ERROR),
        (
            "a window that the new size overflows",
            { [head.clone(), room(1, 0x7fff_0000), frame(SETTINGS, 0, 0, &[0, 4, 0x7f, 0, 0, 0])].concat() },
            Code::FLOW_CONTROL_ERROR,
        ),
        ("a frame too large", frame(DATA, 0, 1, &[0; 20_001]), Code::FRAME_SIZE_ERROR),
        ("more padding than body", [head, frame(DATA, 8, 1, &[2, 0])].concat(), Code::PROTOCOL_ERROR),
    ];
    for (what, bytes, code) in cases {
        // However it is cut.
        for step in [1, 7, bytes.len()] {
            let server = server();
            let mut input = BytesMut::new();
            let outcome = bytes.chunks(step).try_for_each(|piece| {
                input.extend_from_slice(piece);
                server.lock().receive(&mut input, piece.len(), now())
            });
            let fault = outcome.expect_err(what);
            assert_eq!((fault.origin, fault.code), (Origin::Connection, code), "{what}");
            let goodbyes: Vec<_> = said(&server).into_iter().filter(|frame| frame.0 == GOAWAY).collect();
            assert_eq!(goodbyes.len(), 1, "{what}");
            assert_eq!(u32::from(goodbyes[0].2[7]), code.0, "{what}");
            assert!(next(&server).is_none() && take(&server, &frame(PING, 0, 0, &[0; 8])).is_err(), "{what}");
        }
    }
}

#[test]
fn it_begins_with_settings() {
    for first in [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 1, 0, &[]), b"HTTP/1.1 400 Bad".to_vec()] {
        assert!(take(&connection(Role::Server), &first).is_err());
    }
}

#[test]
fn what_breaks_a_stream_alone() {
    let cases: Vec<(&str, Vec<u8>, Code)> = vec![
        ("no path", frame(HEADERS, WHOLE, 1, &[0x83, 0x86, 0x01, 0x01, b'a']), Code::PROTOCOL_ERROR),
        ("a length that is none", frame(HEADERS, WHOLE, 1, &[HEAD, b"\x0f\x0d\x02+1"].concat()), Code::PROTOCOL_ERROR),
        (
            "a length too large",
            { frame(HEADERS, WHOLE, 1, &[HEAD, b"\x0f\x0d\x1499999999999999999999"].concat()) },
            Code::PROTOCOL_ERROR,
        ),
        ("trailers without an end", frame(HEADERS, WHOLE, 1, HEAD).repeat(2), Code::PROTOCOL_ERROR),
        (
            "trailers of another head",
            { [frame(HEADERS, WHOLE, 1, HEAD), frame(HEADERS, WHOLE | END, 1, HEAD)].concat() },
            Code::PROTOCOL_ERROR,
        ),
        ("a head behind the end", frame(HEADERS, WHOLE | END, 1, HEAD).repeat(2), Code::STREAM_CLOSED),
        (
            "more than its window",
            {
                let much = frame(DATA, 0, 1, &[0; 20_000]).repeat(6);
                [frame(HEADERS, WHOLE, 1, HEAD), much].concat()
            },
            Code::FLOW_CONTROL_ERROR,
        ),
    ];
    for (what, bytes, code) in cases {
        let server = server();
        take(&server, &bytes).expect(what);
        assert_eq!(
            resets(&server).first().map(|(stream, code)| (*stream, u32::from(*code))),
            Some((1, code.0)),
            "{what}"
        );
        take(&server, &frame(HEADERS, WHOLE | END, 3, HEAD)).unwrap();
        assert!(next(&server).is_some_and(|incoming| incoming.request.method == Method::POST), "{what}");
    }
}

#[test]
fn a_connection_has_no_more_room_than_it_said() {
    let server = server();
    let held: Vec<_> = (0..3_u32)
        .map(|nth| {
            take(&server, &frame(HEADERS, WHOLE, nth * 2 + 1, HEAD)).unwrap();
            next(&server).unwrap()
        })
        .collect();
    let outcome = (0..11_u32).try_for_each(|nth| take(&server, &frame(DATA, 0, nth % 3 * 2 + 1, &[0; 20_000])));
    assert_eq!(outcome.unwrap_err().code, Code::FLOW_CONTROL_ERROR);
    drop(held);
}

#[tokio::test]
async fn what_is_read_and_what_nobody_wants_makes_room() {
    let server = server();
    for round in 0..20_u32 {
        let stream = round * 2 + 1;
        take(&server, &frame(HEADERS, WHOLE, stream, HEAD)).unwrap();
        let mut incoming = next(&server).unwrap();
        take(&server, &frame(DATA, 0, stream, &[7; 20_000])).unwrap();
        if round % 2 == 0 {
            take(&server, &frame(DATA, END | 8, stream, &[&[5][..], &[7; 10_005]].concat())).unwrap();
            assert_eq!(read(&mut incoming.body).await, vec![7; 30_000]);
        } else {
            drop(incoming);
            take(&server, &frame(DATA, 0, stream, &[7; 10_000])).unwrap();
        }
    }
    let given: u32 = said(&server)
        .iter()
        .filter(|frame| frame.0 == ROOM && frame.1 == 0)
        .map(|frame| u32::from_be_bytes(*frame.2.first_chunk().unwrap()))
        .sum();
    assert!((20 * 30_000 - 100_000..=20 * 30_010).contains(&given), "{given}");
}

#[test]
fn a_head_in_many_pieces_is_bounded() {
    let server = server();
    take(&server, &frame(HEADERS, END, 1, HEAD)).unwrap();
    let piece = frame(MORE, 0, 1, &[0x0f; 10_000]);
    let outcome = (0..100).try_for_each(|_| take(&server, &piece));
    assert_eq!(outcome.unwrap_err().code, Code::ENHANCE_YOUR_CALM);
}

#[test]
fn a_head_that_is_too_large_is_asked_for_an_answer_and_the_next_is_read() {
    let server = server();
    let value = "y".repeat(9000);
    let mut field = b"\x40\x01x\x7f".to_vec();
    field.extend([0x80 | u8::try_from((9000 - 127) % 128).unwrap(), u8::try_from((9000 - 127) / 128).unwrap()]);
    field.extend(value.as_bytes());
    let small = b"\x40\x01a\x01b";
    take(&server, &frame(HEADERS, 0, 1, &[HEAD, &field].concat())).unwrap();
    take(&server, &frame(MORE, WHOLE, 1, &[&field[..], small].concat())).unwrap();
    let mut incoming = next(&server).unwrap();
    assert!(!incoming.whole);
    assert!(incoming.reply.answer(StatusCode::URI_TOO_LONG, &Fields::new(), true));
    drop(incoming);
    assert_eq!(resets(&server), [(1, 0)], "nothing more of it is wanted");
    // What the large head put into the table is there.
    take(&server, &frame(HEADERS, WHOLE | END, 3, &[HEAD, &[0xbe]].concat())).unwrap();
    let incoming = next(&server).unwrap();
    assert!(incoming.whole && incoming.request.headers.get("a").unwrap() == "b");
}

#[test]
fn windows_that_shrink_below_nothing_hold_the_sender_back() {
    let server = server();
    take(&server, &frame(HEADERS, WHOLE | END, 1, HEAD)).unwrap();
    let mut reply = next(&server).unwrap().reply;
    reply.answer(StatusCode::OK, &Fields::new(), false);
    let mut data = Bytes::from(vec![0; 100_000]);
    let context = context();
    assert_eq!(reply.poll_send(&mut data, true, &context), Poll::Ready(Some(65_535)));
    take(&server, &room(0, 100_000)).unwrap();
    take(&server, &frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])).unwrap();
    take(&server, &room(1, 65_535)).unwrap();
    assert!(reply.poll_send(&mut data, true, &context).is_pending());
    take(&server, &room(1, 10)).unwrap();
    assert_eq!(reply.poll_send(&mut data, true, &context), Poll::Ready(Some(10)));
    written(&server);
    take(&server, &frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0])).unwrap();
    assert_eq!(reply.poll_send(&mut data, true, &context), Poll::Ready(Some(34_455)));
    assert!(data.is_empty());
}

#[test]
fn streams_share_the_room_of_a_connection() {
    let server = server();
    take(&server, &frame(SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff])).unwrap();
    let mut replies: Vec<_> = (0..4_u32)
        .map(|nth| {
            take(&server, &frame(HEADERS, WHOLE | END, nth * 2 + 1, HEAD)).unwrap();
            let mut reply = next(&server).unwrap().reply;
            reply.answer(StatusCode::OK, &Fields::new(), false);
            (reply, Bytes::from(vec![0; 10 << 20]), 0)
        })
        .collect();
    // The first takes all there is at first; then each has its part.
    for _ in 0..100 {
        for (reply, data, got) in &mut replies {
            while let Poll::Ready(sent) = reply.poll_send(data, true, &context()) {
                *got += sent.unwrap();
            }
        }
        written(&server);
        take(&server, &room(0, 65_536)).unwrap();
    }
    let got: Vec<_> = replies.iter().map(|(_, _, got)| *got).collect();
    assert!(got.iter().all(|got| (1 << 20..4 << 20).contains(got)), "{got:?}");
}

#[test]
fn errors_of_a_client_are_counted_over_its_streams() {
    let server = server();
    let outcome = (0..1000_u32).map(|nth| take(&server, &frame(HEADERS, WHOLE | END, nth * 2 + 1, &[0x83])));
    let borne = outcome.take_while(Result::is_ok).count();
    assert_eq!(borne, 128);
    assert_eq!(server.lock().fault().map(|fault| fault.code), Some(Code::ENHANCE_YOUR_CALM));
}

#[test]
fn requests_taken_back_before_they_were_looked_at_are_counted() {
    let server = server();
    let pair = |nth: u32| {
        [frame(HEADERS, WHOLE | END, nth * 2 + 1, HEAD), frame(RESET, 0, nth * 2 + 1, &[0, 0, 0, 8])].concat()
    };
    for nth in 0..100 {
        take(&server, &pair(nth)).unwrap();
        assert!(next(&server).is_none(), "it is not served");
    }
    let burst: Vec<u8> = (100..121).flat_map(pair).collect();
    assert_eq!(take(&server, &burst).unwrap_err().code, Code::ENHANCE_YOUR_CALM);
}

#[test]
fn no_more_streams_are_taken_than_were_said_and_places_are_free_again() {
    let server = server();
    let mut held = Vec::new();
    for nth in 0..LIMITS.streams {
        take(&server, &frame(HEADERS, WHOLE | END, nth * 2 + 1, HEAD)).unwrap();
        held.push(next(&server).unwrap());
    }
    take(&server, &frame(HEADERS, WHOLE | END, 1001, HEAD)).unwrap();
    assert!(next(&server).is_none());
    assert_eq!(resets(&server), [(1001, 7)]);
    // The first takes its request back.
    take(&server, &frame(RESET, 0, 1, &[0, 0, 0, 8])).unwrap();
    take(&server, &frame(HEADERS, WHOLE | END, 1003, HEAD)).unwrap();
    assert!(next(&server).is_some());
    drop(held);
    assert_eq!(server.lock().open(), 0);
}

#[test]
fn what_was_on_its_way_to_a_stream_that_was_reset_is_no_mistake() {
    let server = server();
    take(&server, &frame(HEADERS, WHOLE, 1, HEAD)).unwrap();
    drop(next(&server).unwrap());
    assert_eq!(resets(&server), [(1, 8)]);
    let late =
        [frame(DATA, 0, 1, b"late"), room(1, 10), frame(HEADERS, WHOLE | END, 1, &[0x00, 0x01, b'a', 0x01, b'b'])];
    take(&server, &late.concat()).unwrap();
    take(&server, &frame(RESET, 0, 1, &[0, 0, 0, 8])).unwrap();
    assert_eq!(said(&server), []);
    // A stream that ended as it should is another matter.
    take(&server, &frame(HEADERS, WHOLE | END, 3, HEAD)).unwrap();
    let mut incoming = next(&server).unwrap();
    incoming.reply.answer(StatusCode::OK, &Fields::new(), true);
    drop(incoming);
    written(&server);
    take(&server, &frame(DATA, 0, 3, b"late")).unwrap();
    assert_eq!(resets(&server), [(3, 5)]);
}

#[test]
fn leaving_is_announced_and_then_done() {
    let server = server();
    server.lock().leave();
    let first = said(&server);
    assert_eq!((first[0].0, &first[0].2[..4], first[1].0), (GOAWAY, &[0x7f, 0xff, 0xff, 0xff][..], PING));
    // What was on its way is still taken.
    take(&server, &frame(HEADERS, WHOLE | END, 1, HEAD)).unwrap();
    let mut incoming = next(&server).unwrap();
    take(&server, &frame(PING, 1, 0, &first[1].2)).unwrap();
    assert_eq!(said(&server).iter().map(|frame| (frame.0, frame.2[3])).collect::<Vec<_>>(), [(GOAWAY, 1)]);
    take(&server, &frame(HEADERS, WHOLE | END, 3, HEAD)).unwrap();
    assert!(next(&server).is_none());
    assert_eq!(resets(&server), [(3, 7)]);
    assert!(!server.lock().is_done());
    incoming.reply.answer(StatusCode::OK, &Fields::new(), true);
    drop(incoming);
    assert!(server.lock().is_done());
}

/// A client that was greeted, and a request of it.
fn client() -> Shared {
    let client = Arc::new(Mutex::new(Connection::new(Role::Client, LIMITS)));
    take(&client, &frame(SETTINGS, 0, 0, &[])).unwrap();
    client
}

fn get(client: &Shared) -> (Option<sluicegate_http2::Sending>, sluicegate_http2::Receiving) {
    let target = "http://a/".parse().unwrap();
    ask(client, (&Method::GET, &target), &Fields::new(), &mut Bytes::new(), true).unwrap()
}

#[tokio::test]
async fn a_server_that_leaves_says_what_it_took_up() {
    let client = client();
    let (mut first, mut second) = (get(&client), get(&client));
    take(&client, &frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0])).unwrap();
    let fault = poll_fn(|context| second.1.poll_head(context)).await.unwrap_err();
    assert!(fault.is_untouched());
    let target = "http://a/".parse().unwrap();
    assert!(ask(&client, (&Method::GET, &target), &Fields::new(), &mut Bytes::new(), true).is_err());
    assert!(client.lock().is_closing() && !client.lock().is_done());
    take(&client, &frame(HEADERS, WHOLE | END, 1, &[0x88])).unwrap();
    assert_eq!(poll_fn(|context| first.1.poll_head(context)).await.unwrap().status, StatusCode::OK);
    assert!(client.lock().is_done());
}

#[test]
fn each_request_has_its_own_target_whatever_the_last_one_said() {
    // In the code for strings: "/a", "/b" and "/aa", and one that is not.
    let paths: [(&[u8], &str); 4] =
        [(b"\x82\x60\x7f", "/a"), (b"\x82\x62\x3f", "/b"), (b"\x82\x60\x63", "/aa"), (b"\x02/a", "/a")];
    let server = server();
    for (nth, place) in [0, 0, 1, 0, 2, 2, 3, 0, 1, 3].into_iter().enumerate() {
        let (path, text) = paths[place];
        let host = if nth % 3 == 0 { b'b' } else { b'a' };
        let head = [&[0x83, 0x86, 0x04][..], path, &[0x01, 0x01, host]].concat();
        let id = u32::try_from(nth * 2 + 1).unwrap();
        take(&server, &frame(HEADERS, WHOLE | END, id, &head)).unwrap();
        let uri = next(&server).unwrap().request.uri;
        assert_eq!(uri.to_string(), format!("http://{}{text}", char::from(host)), "{nth}");
    }
}

#[tokio::test]
async fn a_request_leaves_with_its_head_as_far_as_there_is_room() {
    let target = "http://a/".parse().unwrap();
    for (bytes, over) in [(0, true), (1, true), (0xffff, true), (0x10000, false)] {
        let client = client();
        written(&client);
        let mut data = Bytes::from(vec![7; bytes]);
        let (out, back) = ask(&client, (&Method::POST, &target), &Fields::new(), &mut data, true).unwrap();
        assert_eq!((out.is_none(), data.len()), (over, bytes.saturating_sub(0xffff)), "{bytes}");
        if let Some(mut out) = out {
            assert_eq!(out.poll_send(&mut data, true, &context()), Poll::Pending);
            take(&client, &[room(1, 1), room(0, 1)].concat()).unwrap();
            assert_eq!(out.poll_send(&mut data, true, &context()), Poll::Ready(Some(1)));
        }
        let sent: usize = said(&client).iter().filter(|frame| frame.0 == DATA).map(|frame| frame.2.len()).sum();
        assert_eq!((sent, client.lock().open()), (bytes, 1), "the answer is waited for");
        drop(back);
        assert_eq!((resets(&client), client.lock().open()), (vec![(1, 8)], 0));
    }
}

#[tokio::test]
async fn what_came_whole_is_read_after_its_stream_was_let_go() {
    for length in [0, 1, 16 * 1024, 16 * 1024 + 1] {
        let client = client();
        let (_out, mut back) = get(&client);
        written(&client);
        let body = vec![7; length];
        let frames = [frame(HEADERS, WHOLE, 1, &[0x88]), frame(DATA, 0, 1, &body)];
        let trailers = frame(HEADERS, WHOLE | END, 1, b"\x00\x01a\x01b");
        take(&client, &[frames.concat(), trailers].concat()).unwrap();
        assert!(!back.is_end());
        assert!(poll_fn(|context| back.poll_head(context)).await.is_ok());
        assert!(!back.is_end(), "the trailers are to be read");
        assert!(back.has_left());
        assert_eq!(read(&mut back).await, body);
        assert_eq!(back.trailers().unwrap().get("a").unwrap(), "b");
        assert!(back.is_end() && back.trailers().is_none());
        assert_eq!(resets(&client), []);
    }
}

#[tokio::test]
async fn a_refused_stream_is_untouched_and_others_are_not() {
    for (code, untouched) in [(7, true), (0, false), (2, false), (8, false), (11, false)] {
        let client = client();
        let (_out, mut back) = get(&client);
        take(&client, &frame(RESET, 0, 1, &[0, 0, 0, code])).unwrap();
        let fault = poll_fn(|context| back.poll_head(context)).await.unwrap_err();
        assert_eq!((fault.origin, fault.is_untouched()), (Origin::Reset, untouched), "{code}");
    }
}

#[tokio::test]
async fn an_answer_that_is_none_breaks_its_stream_alone() {
    for (what, frames) in [
        ("no status", frame(HEADERS, WHOLE | END, 1, &[0x00, 0x01, b'a', 0x01, b'b'])),
        ("a request", frame(HEADERS, WHOLE | END, 1, HEAD)),
        ("a body first", frame(DATA, 0, 1, b"x")),
        ("an interim answer that ends", frame(HEADERS, WHOLE | END, 1, b"\x08\x03103")),
        ("another protocol", frame(HEADERS, WHOLE, 1, b"\x08\x03101")),
        ("interim answers without end", frame(HEADERS, WHOLE, 1, b"\x08\x03103").repeat(17)),
        ("a length that is not kept", frame(HEADERS, WHOLE | END, 1, b"\x88\x0f\x0d\x015")),
    ] {
        let client = client();
        let (_out, mut back) = get(&client);
        written(&client);
        take(&client, &frames).expect(what);
        let fault = poll_fn(|context| match back.poll_head(context) {
            Poll::Ready(Ok(_)) => back.poll_data(context).map(|data| data.unwrap().map(|_| ())),
            head => head.map(|head| head.map(|_| ())),
        });
        assert_eq!(fault.await.unwrap_err().origin, Origin::Stream, "{what}");
        assert_eq!(resets(&client), [(1, 1)], "{what}");
    }
}

#[tokio::test]
async fn an_answer_before_the_request_ends_is_whole_though_the_rest_is_not_wanted() {
    let client = client();
    let target = "http://a/".parse().unwrap();
    let (out, mut back) = ask(&client, (&Method::POST, &target), &Fields::new(), &mut Bytes::new(), false).unwrap();
    let mut out = out.unwrap();
    let answer = [frame(HEADERS, WHOLE, 1, &[0x88]), frame(DATA, END, 1, b"early"), frame(RESET, 0, 1, &[0; 4])];
    take(&client, &answer.concat()).unwrap();
    assert!(poll_fn(|context| back.poll_head(context)).await.is_ok());
    assert_eq!(read(&mut back).await, b"early");
    assert_eq!(out.poll_send(&mut Bytes::from_static(b"x"), true, &context()), Poll::Ready(None));
    drop((out, back));
    assert_eq!(client.lock().open(), 0);
}
