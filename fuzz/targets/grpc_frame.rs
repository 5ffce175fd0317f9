//! Frames of gRPC messages: however the bytes are cut, the same messages come out, and none is larger than the limit.
//!
//! A corpus file is a byte whose low bits choose the compression and whose high bits choose the limit, a byte that says
//! how the rest is cut, and the bytes of a body.

use bytes::Bytes;
use http::HeaderValue;
use sluicegate_core::{Fields, Refusal};
use sluicegate_wire::grpc::frame::{self, FrameError, Reader};
use sluicegate_wire::grpc::{ENCODING, Encoding};

/// Reads frames in one piece and in several, and checks what must hold of them.
pub fn run(data: &[u8]) {
    let [choice, cut, body @ ..] = data else { return };
    let mut headers = Fields::new();
    let name = ["identity", "gzip", "deflate", "zstd"][usize::from(choice & 3)];
    headers.insert(ENCODING, HeaderValue::from_static(name));
    let limit = 1 << (choice >> 3);
    let read = |step: usize| messages(Reader::new(Encoding::of(&headers), limit), body, step);
    let (whole, fault) = read(body.len().max(1));
    for message in &whole {
        assert!(message.len() as u64 <= limit);
        let mut again = frame::whole(message).unwrap();
        assert_eq!(Reader::new(Encoding::Identity, limit).read(&mut again).as_ref(), Ok(&Some(message.clone())));
    }
    assert_eq!(read(usize::from(*cut) + 1), (whole, fault.clone()));
    if let Some(fault) = fault {
        let code = fault.code().number();
        assert_eq!(Refusal::from(fault).kind.facts().grpc, code);
    }
}

/// All messages of a body that comes in pieces of `step` bytes, and how it ended.
fn messages(mut reader: Reader, body: &[u8], step: usize) -> (Vec<Bytes>, Option<FrameError>) {
    let mut messages = Vec::new();
    for piece in body.chunks(step) {
        let mut piece = Bytes::copy_from_slice(piece);
        loop {
            match reader.read(&mut piece) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(fault) => return (messages, Some(fault)),
            }
        }
        assert!(piece.is_empty());
    }
    (messages, reader.end().err())
}
