//! Messages, cut everywhere.

use super::{Event, Reader, Side, field, status};

/// What is read of `input` where it comes in pieces of this length: heads, bodies, chunks.
fn read(side: Side, input: &[u8], piece: usize) -> anyhow::Result<(Vec<String>, Vec<String>, u64)> {
    let mut reader = Reader::new(side);
    let (mut heads, mut bodies) = (Vec::new(), Vec::new());
    let (mut body, mut waiting, mut chunks) = (Vec::new(), Vec::new(), 0);
    for bytes in input.chunks(piece) {
        waiting.extend_from_slice(bytes);
        while let Some((event, taken)) = reader.next(&waiting)? {
            match event {
                Event::Head(head) => heads.push(String::from_utf8(head.to_vec())?),
                Event::Body(bytes) => body.extend_from_slice(bytes),
                Event::Framing => {}
                Event::ChunkEnd => chunks += 1,
                Event::End => bodies.push(String::from_utf8(std::mem::take(&mut body))?),
            }
            waiting.drain(..taken);
        }
    }
    assert!(waiting.is_empty(), "nothing is left over");
    Ok((heads, bodies, chunks))
}

#[test]
fn answers_are_found_wherever_they_are_cut() {
    let sized = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    // The second chunk looks like an end.
    let chunked = "HTTP/1.1 404 Not Found\r\ntransfer-encoding: Chunked\r\n\r\n\
                   3;x=y\r\nabc\r\n0b\r\n\r\n\r\n0\r\n\r\n12\r\n5\r\nmmmmm\r\n0\r\nt: u\r\n\r\n";
    let empty = "HTTP/1.1 204 No Content\r\ncontent-length:0\r\n\r\n";
    let input = format!("{sized}{chunked}{empty}{sized}");
    for piece in 1..=input.len() {
        let (heads, bodies, chunks) = read(Side::Answers, input.as_bytes(), piece).unwrap();
        assert_eq!(bodies, ["hello", "abc\r\n\r\n0\r\n\r\n12mmmmm", "", "hello"], "in pieces of {piece}");
        let seen: Vec<u16> = heads.iter().map(|head| status(head.as_bytes()).unwrap()).collect();
        assert_eq!(seen, [200, 404, 204, 200]);
        assert_eq!(chunks, 3);
    }
}

#[test]
fn only_a_request_may_have_no_length() {
    let (heads, bodies, _) = read(Side::Requests, b"GET /v2 HTTP/1.1\r\nhost: x\r\n\r\n", 7).unwrap();
    assert_eq!((heads.len(), bodies), (1, vec![String::new()]));
    let error = read(Side::Answers, b"HTTP/1.1 200 OK\r\nhost: x\r\n\r\n", 7).unwrap_err();
    assert!(error.to_string().contains("how long"), "{error}");
}

#[test]
fn what_cannot_be_framed_is_an_error() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for (rest, complaint) in [("2\r\nabc\r\n", "does not end"), ("x\r\n", "no number"), ("\r\n", "no number")] {
        let error = read(Side::Answers, format!("{head}{rest}").as_bytes(), 100).unwrap_err();
        assert!(error.to_string().contains(complaint), "{rest:?}: {error}");
    }
    let gzip = read(Side::Answers, b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n", 100).unwrap_err();
    assert!(gzip.to_string().contains("not `chunked`"), "{gzip}");
    assert!(read(Side::Answers, &vec![b'a'; 70_000], 1000).is_err(), "a head without end");
}

#[test]
fn fields_are_found_by_their_whole_name() {
    let head = b"HTTP/1.1 200 OK\r\nx-content-length: 1\r\nCONTENT-LENGTH:  2 \r\ncontent-length: 3\r\n\r\n";
    assert_eq!(field(head, "content-length"), Some(&b"2"[..]));
    assert_eq!(field(head, "content"), None);
}
