//! HTTP/1 on the wire: how answers are framed, what becomes of the connection behind them, and that bytes nobody asked
//! for are never read as a request.

use std::collections::VecDeque;

use bytes::Bytes;
use http::StatusCode;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use sluicegate_core::{Body, BodyError, Inbound, Outbound, Response};
use sluicegate_server::Limits;
use sluicegate_testkit::{Event, within};

use crate::support::{Bench, GET, answer, collect, echo};

/// A body of unknown length.
fn streamed<const N: usize>(pieces: [Result<&'static str, BodyError>; N]) -> Body {
    let frames = pieces.map(|piece| piece.map(|text| Frame::data(Bytes::from_static(text.as_bytes()))));
    Body::stream(StreamBody::new(futures_util::stream::iter(frames)))
}

/// All that the server says to `request`, the date left out, and closes.
async fn said(request: &str, handler: impl sluicegate_server::Handler) -> String {
    let bench = Bench::start(Limits::default(), handler);
    let mut wire = bench.wire().await;
    wire.send(request).await;
    wire.finish().await;
    let said = String::from_utf8(wire.read_to_end().await).expect("text");
    said.split_inclusive("\r\n").filter(|line| !line.starts_with("date: ")).collect()
}

#[tokio::test(start_paused = true)]
async fn bodies_are_framed_as_their_client_can_read_them() {
    let stream = |_: Inbound| async { Response::new(streamed([Ok("abc"), Ok("de")])) };
    let one_one = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let one_nil = "GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n";
    let head = "HEAD / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    assert_eq!(
        said(one_one, stream).await,
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"
    );
    assert_eq!(said(one_nil, stream).await, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabcde");
    assert_eq!(said(head, stream).await, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
    let whole = |_: Inbound| async { answer(StatusCode::OK, "abc") };
    assert_eq!(said(one_one, whole).await, "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc");
    assert_eq!(said(head, whole).await, "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\n");
    let nothing = |_: Inbound| async { answer(StatusCode::NO_CONTENT, "never seen") };
    assert_eq!(said(one_one, nothing).await, "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
}

#[tokio::test(start_paused = true)]
async fn an_answers_own_words_on_framing_do_not_count() {
    let lies = |_: Inbound| async {
        let mut response = answer(StatusCode::OK, "abc");
        for (name, value) in
            [("content-length", "99"), ("transfer-encoding", "gzip"), ("connection", "x-a"), ("keep-alive", "5")]
        {
            response.headers.insert(name, http::HeaderValue::from_static(value));
        }
        response.headers.insert("x-a", http::HeaderValue::from_static("kept"));
        response
    };
    assert_eq!(said(GET, lies).await, "HTTP/1.1 200 OK\r\nx-a: kept\r\ncontent-length: 3\r\n\r\nabc");
}

#[tokio::test(start_paused = true)]
async fn a_broken_answer_is_never_taken_for_whole() {
    let broken = |_: Inbound| async { Response::new(streamed([Ok("abc"), Err(BodyError::TimedOut)])) };
    let text = said(GET, broken).await;
    assert!(text.ends_with("\r\n\r\n3\r\nabc\r\n"), "without its end: {text}");
    let short = |_: Inbound| async {
        let mut response = Response::new(streamed([Ok("abc")]));
        response.headers.insert("content-length", http::HeaderValue::from_static("5"));
        response
    };
    let bench = Bench::start(Limits::default(), short);
    let mut wire = bench.wire().await;
    wire.send(GET.repeat(2)).await;
    let text = String::from_utf8(wire.read_to_end().await).unwrap();
    assert!(text.ends_with("\r\n\r\nabc") && text.matches("HTTP/1.1").count() == 1, "{text}");
}

/// RFC 9112, section 2.2: one empty line before a request is passed over, however it comes.
#[tokio::test(start_paused = true)]
async fn an_empty_line_before_a_request_is_passed_over() {
    let bench = Bench::start(Limits::default(), echo);
    let mut wire = bench.wire().await;
    for pieces in [vec!["\r\nGET /a HTTP/1.1\r\nhost: a\r\n\r\n"], vec!["\r", "\nGET /a HTTP/1.1\r\nhost: a\r\n\r\n"]] {
        wire.send_pieces(pieces).await;
        assert_eq!(wire.read_response().await.status(), 200);
    }
    wire.send("\r\n\r\nGET /a HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(wire.read_response().await.status(), 400, "but not two");
}

#[tokio::test(start_paused = true)]
async fn http_1_0_may_keep_its_connection() {
    let bench = Bench::start(Limits::default(), echo);
    let mut wire = bench.wire().await;
    for _ in 0..2 {
        wire.send("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").await;
        let response = wire.read_response().await;
        assert_eq!((response.status(), response.header("connection")), (200, Some("keep-alive")));
    }
    wire.send("GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(wire.read_response().await.header("connection"), Some("close"));
    assert_eq!(wire.read_to_end().await, b"");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_waited_for_is_asked_for() {
    let bench = Bench::start(Limits::default(), echo);
    let mut wire = bench.wire().await;
    let head = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n";
    wire.send(head).await;
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    assert_eq!(wire.read_exact(interim.len()).await, interim.as_bytes());
    wire.send("abc").await;
    assert_eq!(wire.read_response().await.text(), "abc");
    // Who does not wait is not told.
    wire.send(format!("{head}abc")).await;
    assert_eq!(wire.read_response().await.text(), "abc");
    // A handler that does not want it does not ask; whether the client sends it then nobody knows.
    let refusing = |_: Inbound| async { answer(StatusCode::UNAUTHORIZED, "no") };
    let text = said(head, refusing).await;
    assert!(text.starts_with("HTTP/1.1 401 ") && text.contains("connection: close\r\n"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn h_13_bytes_behind_an_upgrade_are_no_request() {
    let served = |_: Inbound| async { answer(StatusCode::OK, "served") };
    let text =
        said(&format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: foo\r\n\r\n{GET}"), served).await;
    assert!(text.starts_with("HTTP/1.1 200 ") && text.matches("HTTP/1.1").count() == 1, "{text}");
    assert!(text.contains("connection: close\r\n"), "{text}");
}

/// H-16: an answer before the body has come, whatever it says.
#[tokio::test(start_paused = true)]
async fn h_16_an_unread_body_is_no_request() {
    for status in [200, 401, 404, 413, 429] {
        let early = move |_: Inbound| async move { answer(StatusCode::from_u16(status).unwrap(), "early") };
        // Small and here: read away, and the connection serves on.
        let bench = Bench::start(Limits::default(), early);
        let mut wire = bench.wire().await;
        for body in [
            "content-length: 33\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n",
            "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        ] {
            wire.send(format!("POST / HTTP/1.1\r\nhost: a\r\n{body}")).await;
            let response = wire.read_response().await;
            assert_eq!((response.status(), response.header("connection")), (status, None));
        }
        // Still to come: the connection is closed behind the answer, what comes is read away.
        wire.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n")
            .await;
        let response = wire.read_response().await;
        assert_eq!((response.status(), response.header("connection")), (status, Some("close")));
        let _ = wire.try_send(GET.repeat(10)).await;
        wire.finish().await;
        assert_eq!(wire.read_to_end().await, b"", "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_begin_while_the_body_still_comes() {
    let echoing = |inbound: Inbound| async move {
        let frames = inbound.body.into_data_stream();
        Response::new(Body::stream(StreamBody::new(futures_util::StreamExt::map(frames, |read| read.map(Frame::data)))))
    };
    let bench = Bench::start(Limits::default(), echoing);
    let mut wire = bench.wire().await;
    wire.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").await;
    wire.read_head().await;
    for _ in 0..3 {
        wire.send("3\r\nabc\r\n").await;
        assert_eq!(wire.read_exact(8).await, b"3\r\nabc\r\n");
    }
    wire.send("0\r\n\r\n").await;
    assert_eq!(wire.read_exact(5).await, b"0\r\n\r\n");
}

/// The body is read elsewhere than on the connection, and the connection ends meanwhile.
#[tokio::test(start_paused = true)]
async fn a_body_does_not_outlive_its_connection() {
    let ended = Event::new();
    let away = {
        let ended = ended.clone();
        move |inbound: Inbound| {
            let ended = ended.clone();
            tokio::spawn(async move {
                let outcome = collect(inbound.body).await;
                assert!(matches!(outcome, Err(BodyError::Broken(_))), "{outcome:?}");
                ended.release();
            });
            async { answer(StatusCode::OK, "early") }
        }
    };
    let bench = Bench::start(Limits::default(), away);
    let mut wire = bench.wire().await;
    wire.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc").await;
    assert_eq!(wire.read_response().await.header("connection"), Some("close"));
    drop(wire);
    ended.wait().await;
}

/// What comes behind the answer is read away. Whoever still reads the body must not take the rest for the whole.
#[tokio::test(start_paused = true)]
async fn a_body_is_broken_once_its_connection_is_being_closed() {
    let (answered, read) = (Event::new(), Event::new());
    let away = {
        let (answered, read) = (answered.clone(), read.clone());
        move |inbound: Inbound| {
            let (answered, read) = (answered.clone(), read.clone());
            tokio::spawn(async move {
                answered.wait().await;
                let outcome = collect(inbound.body).await;
                // In these words: that the connection is gone in the end would also break it, but later.
                assert_eq!(outcome, Err(BodyError::Broken("the connection is being closed".to_owned())));
                read.release();
            });
            async { answer(StatusCode::OK, "early") }
        }
    };
    let bench = Bench::start(Limits::default(), away);
    let mut wire = bench.wire().await;
    wire.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc").await;
    assert_eq!(wire.read_response().await.header("connection"), Some("close"));
    wire.send("defghijklm").await;
    answered.release();
    within("the body to be told", read.wait()).await;
}

#[tokio::test(start_paused = true)]
async fn large_pieces_leave_whole() {
    let large = |inbound: Inbound| async move {
        let piece = Bytes::from(vec![b'x'; 100_000]);
        let pieces: VecDeque<Bytes> = [piece.clone(), Bytes::from_static(b"small"), piece].into();
        if inbound.head.uri.path() == "/length" {
            return Response::new(Body::Pieces(pieces));
        }
        let frames = pieces.into_iter().map(|piece| Ok(Frame::data(piece)));
        Outbound::new(Body::stream(StreamBody::new(futures_util::stream::iter(frames))))
    };
    let bench = Bench::start(Limits::default(), large);
    let mut wire = bench.wire().await;
    // In chunks: two sizes of five digits, one of one, and the end.
    for (path, framing) in [("/length", 0), ("/chunks", 28), ("/length", 0)] {
        wire.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        let body = wire.read_response().await.body;
        assert_eq!(body.len(), 200_005 + framing, "{path}");
        let small = body.windows(5).position(|piece| piece == b"small");
        assert!(small.is_some_and(|place| (100_000..100_020).contains(&place)), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_say_which_in_a_word() {
    let text = said("GET / HTTP/1.1\nhost: a\n\n", echo).await;
    assert_eq!(
        text,
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 82\r\nconnection: close\r\n\r\n\
         {\"error\":\"a line of the head ends without a carriage return\",\"code\":\"bad_framing\"}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_head_has_no_body() {
    let text = said("HEAD /../x HTTP/1.1\r\nhost: a\r\n\r\n", echo).await;
    assert!(text.starts_with("HTTP/1.1 400 ") && text.ends_with("connection: close\r\n\r\n"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_head_that_comes_again_is_read_as_before_and_another_is_not_taken_for_it() {
    let told = |inbound: Inbound| async move {
        let head = format!("{} {:?}", inbound.head.uri, inbound.head.headers.iter().collect::<Vec<_>>());
        let length = inbound.head.headers.get("content-length").map(|length| length.as_str().unwrap().to_owned());
        let body = collect(inbound.body).await.unwrap();
        answer(StatusCode::OK, format!("{head} {length:?} {body:?}"))
    };
    let bench = Bench::start(Limits::default(), told);
    let post = |host: &str, length: usize, body: &str| {
        format!("POST /a%7eb HTTP/1.1\r\nHost: {host}\r\nX-Id: A\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    let alone = |request: String| {
        let bench = &bench;
        async move {
            let mut wire = bench.wire().await;
            wire.send(&request).await;
            wire.finish().await;
            String::from_utf8(wire.read_to_end().await).unwrap()
        }
    };
    // All over one connection, and each over one of its own, where nothing came before it.
    let bodies = ["abc", "abc", "xyz", "", "0123456789", "0123456789ab"];
    let requests: Vec<_> = bodies.iter().map(|body| post("a", body.len(), body)).collect();
    let mut expected = String::new();
    for request in &requests {
        expected += &alone(request.clone()).await;
    }
    let refused = post("a b", 3, "abc");
    expected += &alone(refused.clone()).await;
    assert!(expected.contains("/a~b") && expected.contains("400 Bad Request"), "{expected}");
    assert_eq!(alone(requests.concat() + &refused).await, expected);
}
