//! What the other tests share: bodies as bytes, messages as text.

use bytes::Bytes;
use http::HeaderValue;
use sluicegate_core::{Body, Fields, InferRequest, Outbound, Protocol, Refusal, Tensor};
use sluicegate_wire::{Codec, Limits, ReplyForm, codec};

pub(crate) const JSON_LENGTH: &str = "inference-header-content-length";

/// The codec under test.
pub(crate) fn oip() -> &'static Codec {
    codec(Protocol::OipRest)
}

/// All bytes of a body that is at hand.
pub(crate) fn whole(body: Body) -> Bytes {
    match body {
        Body::Empty => Bytes::new(),
        Body::Full(bytes) => bytes,
        Body::Pieces(pieces) => pieces.iter().flatten().copied().collect::<Vec<u8>>().into(),
        Body::Stream(_) => panic!("a streamed body"),
    }
}

/// Headers with the length of the JSON.
pub(crate) fn json_length(length: &str) -> Fields {
    Fields::from_iter([(JSON_LENGTH, HeaderValue::from_str(length).unwrap())])
}

/// Reads a request that is JSON alone.
pub(crate) fn read(json: impl Into<Bytes>) -> Result<(InferRequest, ReplyForm), Refusal> {
    (oip().decode_infer)(&Fields::new(), json.into(), None, &Limits::default())
}

/// Reads a request with binary data behind its JSON.
pub(crate) fn read_binary(json: &str, tail: &[u8]) -> Result<(InferRequest, ReplyForm), Refusal> {
    let body = [json.as_bytes(), tail].concat();
    (oip().decode_infer)(&json_length(&json.len().to_string()), body.into(), None, &Limits::default())
}

/// A request with one input.
pub(crate) fn with_input(datatype: &str, shape: &str, data: &str) -> String {
    format!(r#"{{"inputs":[{{"name":"x","shape":{shape},"datatype":"{datatype}","data":{data}}}]}}"#)
}

/// Reads a request with one input, which must be good.
pub(crate) fn input(datatype: &str, shape: &str, data: &str) -> Tensor {
    let (request, _) = read(with_input(datatype, shape, data)).unwrap_or_else(|refusal| panic!("{refusal}"));
    request.inputs.into_iter().next().unwrap()
}

/// Reads a request with one input, which must be refused; the refusal as text.
pub(crate) fn refused(datatype: &str, shape: &str, data: &str) -> String {
    read(with_input(datatype, shape, data)).unwrap_err().to_string()
}

/// An answer as text: status, headers in order, and the body with unprintable bytes escaped.
pub(crate) fn show(outbound: Outbound) -> String {
    let (head, body) = outbound.into_parts();
    let mut text = format!("{}\n", head.status.as_u16());
    let mut lines: Vec<String> =
        head.headers.iter().map(|(name, value)| format!("{name}: {}\n", value.as_str().unwrap())).collect();
    lines.sort();
    text.extend(lines);
    text.push_str(&shown(&whole(body)));
    text
}

/// Bytes as text, those of ASCII as they are.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let letter = |byte: &u8| match byte {
        b' '..=b'~' => char::from(*byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    bytes.iter().map(letter).collect()
}
