//! Requests and answers as bytes: of a model that hands back what it is given, which is the request's number.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::journal::Number;

/// What stands in each request and in its answer, before its number.
const MARK: &str = "<#";
const DIGITS: usize = 7;

/// Longest mark.
pub(super) const LONGEST: usize = MARK.len() + DIGITS + 1;

pub(super) const INFER: &str = "/inference.GRPCInferenceService/ModelInfer";

/// What a request and its answer are told by.
pub(super) fn mark(request: Number) -> String {
    format!("{MARK}{request:07}>")
}

/// The first mark in `bytes`, and where it ends.
pub(super) fn find(bytes: &[u8]) -> Option<(Number, usize)> {
    let begin = bytes.windows(MARK.len()).position(|window| window == MARK.as_bytes())? + MARK.len();
    let digits = bytes.get(begin..begin + DIGITS)?;
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((number, begin + DIGITS))
}

/// A request's body over REST.
pub(super) fn json_request(request: Number) -> String {
    format!(r#"{{"inputs":[{{"name":"x","shape":[1],"datatype":"BYTES","data":["{}"]}}]}}"#, mark(request))
}

/// An answer's body over REST.
pub(super) fn json_answer(request: Number) -> String {
    let outputs = format!(r#"{{"name":"y","shape":[1],"datatype":"BYTES","data":["{}"]}}"#, mark(request));
    format!(r#"{{"model_name":"m","model_version":"1","outputs":[{outputs}]}}"#)
}

/// A `ModelInferRequest`, framed.
pub(super) fn grpc_request(request: Number) -> Bytes {
    framed(&[field(1, b"m"), field(5, &tensor("x")), field(7, &element(request))].concat())
}

/// A `ModelInferResponse`, framed.
pub(super) fn grpc_answer(request: Number) -> Bytes {
    framed(&[field(1, b"m"), field(2, b"1"), field(5, &tensor("y")), field(6, &element(request))].concat())
}

/// A message with gRPC's five bytes before it.
pub(super) fn framed(message: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.len()).unwrap());
    bytes.extend_from_slice(message);
    bytes.freeze()
}

/// One text, without its element: that stands among the raw contents.
fn tensor(name: &str) -> Vec<u8> {
    const SHAPE: &[u8] = &[1];
    [field(1, name.as_bytes()), field(2, b"BYTES"), field(3, SHAPE)].concat()
}

fn element(request: Number) -> Vec<u8> {
    let mark = mark(request);
    [&u32::try_from(mark.len()).unwrap().to_le_bytes()[..], mark.as_bytes()].concat()
}

/// A field of protobuf that has a length; all here are short.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(value.len()).unwrap()][..], value].concat()
}
