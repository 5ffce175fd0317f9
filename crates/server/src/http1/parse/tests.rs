use bytes::BytesMut;
use sluicegate_core::Kind;

use super::{Framing, Head, Search};
use crate::limits::Limits;

fn parse(head: &[u8]) -> Result<Option<Head>, Kind> {
    let mut input = BytesMut::from(head);
    Search::default().found(&mut input, &Limits::default()).map_err(|refusal| refusal.kind)
}

/// What a head with `fields` comes to.
fn fields(fields: &str) -> Result<Head, Kind> {
    parse(format!("POST /a HTTP/1.1\r\nhost: a\r\n{fields}\r\n").as_bytes()).map(|head| head.expect("a whole head"))
}

#[test]
fn a_head_is_read() {
    let head = parse(b"POST /v2/x?y HTTP/1.1\r\nHost: a\r\nX-A:  b c\t \r\nx-a:\r\nContent-Length: 3\r\n\r\nabc")
        .unwrap()
        .unwrap();
    assert_eq!((head.parts.method.as_str(), head.parts.uri.to_string().as_str()), ("POST", "/v2/x?y"));
    let values: Vec<_> = head.parts.headers.get_all("x-a").map(|value| value.as_bytes()).collect();
    assert_eq!(values, [&b"b c"[..], b""]);
    assert_eq!((head.framing, head.keep_alive, head.expects), (Framing::Length(3), true, false));
}

#[test]
fn pieces_are_looked_at_once_and_come_to_the_same() {
    let whole = b"GET /a HTTP/1.1\r\nhost: a\r\nx: y\r\n\r\nGET";
    let mut search = Search::default();
    let mut input = BytesMut::new();
    for (place, byte) in whole.iter().enumerate() {
        input.extend_from_slice(&[*byte]);
        let found = search.found(&mut input, &Limits::default()).unwrap();
        assert_eq!(found.is_some(), place == whole.len() - 4, "{place}");
        if found.is_some() {
            break;
        }
    }
    assert!(input.is_empty(), "what follows stays for the next head");
}

#[test]
fn h_01_02_04_05_where_the_body_ends_is_said_once() {
    for (said, framing) in [
        ("", Framing::None),
        ("content-length: 0\r\n", Framing::None),
        ("content-length: 7\r\n", Framing::Length(7)),
        ("content-length: 0007\r\n", Framing::Length(7)),
        ("content-length: 9999999999999999999\r\n", Framing::Length(9_999_999_999_999_999_999)),
        ("transfer-encoding: chunked\r\n", Framing::Chunked),
        ("Transfer-Encoding: \t CHUNKED \r\n", Framing::Chunked),
    ] {
        assert_eq!(fields(said).map(|head| head.framing), Ok(framing), "{said}");
    }
    for said in [
        "content-length: 3\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 3\r\n",
        "transfer-encoding: chunked\r\ncontent-length: x\r\n",
        "content-length: 3\r\ncontent-length: 3\r\n",
        "content-length: 3\r\ncontent-length: 4\r\n",
        "content-length: 3, 3\r\n",
        "content-length: +3\r\n",
        "content-length: -3\r\n",
        "content-length: 0x3\r\n",
        "content-length: 3 3\r\n",
        "content-length: \r\n",
        "content-length: 3_0\r\n",
        "content-length: 99999999999999999999\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked, chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        "transfer-encoding: identity\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: \"chunked\"\r\n",
        "transfer-encoding: chunked;a=b\r\n",
        "transfer-encoding:\r\n",
    ] {
        assert_eq!(fields(said).map(|head| head.framing), Err(Kind::BadFraming), "{said}");
    }
    let old = parse(b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n");
    assert_eq!(old.map(|_| ()), Err(Kind::BadFraming));
}

#[test]
fn h_07_lines_end_in_one_way() {
    for head in [
        &b"GET / HTTP/1.1\nhost: a\n\n"[..],
        b"GET / HTTP/1.1\r\nhost: a\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\n\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nx: y\nz: w\r\n\r\n",
        // Refused although it is not complete.
        b"GET / HTTP/1.1\n",
    ] {
        assert_eq!(parse(head).map(|_| ()), Err(Kind::BadFraming), "{head:?}");
    }
    for head in [
        &b"GET / HTTP/1.1\rhost: a\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nhost: a\rx: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nx: \r\r\n\r\n",
    ] {
        assert_eq!(parse(head).map(|_| ()), Err(Kind::BadRequest), "{head:?}");
    }
}

#[test]
fn lines_by_the_grammar() {
    for head in [
        &b"GET  / HTTP/1.1\r\nhost: a\r\n\r\n"[..],
        b"GET /  HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET\t/ HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET / HTTP/1.1 \r\nhost: a\r\n\r\n",
        b"GET /\r\nhost: a\r\n\r\n",
        b"GET / HTTP/0.9\r\nhost: a\r\n\r\n",
        b"GET / HTTP/1.2\r\nhost: a\r\n\r\n",
        b"GET / HTTP/2.0\r\nhost: a\r\n\r\n",
        b"GET / http/1.1\r\nhost: a\r\n\r\n",
        b"GET / HTTP/1.10\r\nhost: a\r\n\r\n",
        b"get / HTTP/1.1\r\nhost: a\r\n\r\n",
        b" GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        b"\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/1.1\r\nhost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\n host: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\n\tfolded\r\n\r\n",
        b"GET / HTTP/1.1\r\n: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nho st: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nh\xc3\xb6st: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nx(y): a\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nx: \0\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nx: \x01\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nx: \x7f\r\n\r\n",
    ] {
        assert_eq!(parse(head).map(|_| ()), Err(Kind::BadRequest), "{:?}", String::from_utf8_lossy(head));
    }
    for head in [
        &b"GET /\xc3\xbc HTTP/1.1\r\nhost: a\r\n\r\n"[..],
        b"GET /\\x HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /#f HTTP/1.1\r\nhost: a\r\n\r\n",
    ] {
        // What an `http::Uri` lets through is refused by `head::check`.
        let mut head = parse(head).map(|head| head.unwrap());
        let refused = match &mut head {
            Ok(head) => crate::head::check(&mut head.parts, &Limits::default()).map_err(|refusal| refusal.kind),
            Err(kind) => Err(*kind),
        };
        assert_eq!(refused, Err(Kind::BadPath));
    }
}

#[test]
fn h_17_heads_are_bounded() {
    let long = |length| "a".repeat(length);
    assert_eq!(
        parse(format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", long(64 << 10)).as_bytes()).map(|_| ()),
        Err(Kind::UriTooLong)
    );
    assert_eq!(parse(format!("GET /{}", long(16 << 10)).as_bytes()).map(|_| ()), Err(Kind::UriTooLong));
    assert_eq!(fields(&format!("x: {}\r\n", long(1 << 20))).map(|_| ()), Err(Kind::HeadTooLarge));
    assert_eq!(fields(&"a: b\r\n".repeat(101)).map(|_| ()), Err(Kind::HeadTooLarge));
    assert!(fields(&"a: b\r\n".repeat(Limits::default().headers - 1)).is_ok());
}

#[test]
fn what_becomes_of_the_connection() {
    for (said, keep) in [
        ("", true),
        ("connection: close\r\n", false),
        ("connection: keep-alive, Close\r\n", false),
        ("connection: x-gateway\r\n", true),
        // Whatever another protocol would begin with is never read as a request.
        ("connection: upgrade\r\nupgrade: foo\r\n", false),
    ] {
        assert_eq!(fields(said).map(|head| head.keep_alive), Ok(keep), "{said}");
    }
    for (head, keep) in [
        (&b"GET / HTTP/1.0\r\n\r\n"[..], false),
        (b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n", true),
        (b"GET / HTTP/1.0\r\nconnection: keep-alive, close\r\n\r\n", false),
    ] {
        assert_eq!(parse(head).unwrap().unwrap().keep_alive, keep);
    }
}

#[test]
fn one_expectation_is_met() {
    assert_eq!(fields("expect: 100-Continue\r\ncontent-length: 1\r\n").map(|head| head.expects), Ok(true));
    for odd in ["expect: 100-continue, x\r\n", "expect: x\r\n", "expect:\r\n", "expect: 100-continue\r\nexpect: x\r\n"]
    {
        assert_eq!(fields(odd).map(|_| ()), Err(Kind::ExpectationFailed), "{odd}");
    }
    let old = parse(b"POST / HTTP/1.0\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n").unwrap().unwrap();
    assert!(!old.expects, "HTTP/1.0 knows no interim answers");
}
