//! Calls of gRPC, and their messages as far as names go.

use super::*;

/// What came of a call: its status, what it said to it, and the answer's message or messages with their frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) code: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

/// A message of these fields, each a text, in its frame.
pub(super) fn message(fields: &[(u8, &str)]) -> Bytes {
    let mut message = Vec::new();
    for (number, text) in fields.iter().filter(|(_, text)| !text.is_empty()) {
        message.extend([number << 3 | 2, u8::try_from(text.len()).unwrap()]);
        message.extend(text.as_bytes());
    }
    framed(&message)
}

/// A `ModelInferRequest` with one tensor.
pub(super) fn infer(model: &str, version: &str) -> Bytes {
    let names = message(&[(1, model), (2, version)]);
    // inputs: name `x`, datatype `INT64`, shape [1], contents: int64_contents [7].
    let input = b"\x0a\x01x\x12\x05INT64\x1a\x01\x01\x2a\x03\x1a\x01\x07";
    let tensor = [&[0x2a, u8::try_from(input.len()).unwrap()], &input[..]].concat();
    framed(&[&names[5..], &tensor].concat())
}

fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message].concat().into()
}

impl World {
    /// Calls `method` of the protocol's service.
    pub(super) async fn call(&self, method: &str, headers: &[(&str, &str)], messages: Bytes) -> Told {
        let path = format!("/inference.GRPCInferenceService/{method}");
        let headers = [&[("content-type", "application/grpc")], headers].concat();
        let answer = self.answer("POST", &path, &headers, Body::Full(messages)).await;
        assert_eq!(answer.status, 200, "whatever came of the call");
        let (head, body) = answer.into_parts();
        let all = body.collect().await.unwrap();
        let trailers = all.trailers().cloned().unwrap_or_default();
        let code = head.headers.get("grpc-status").map(|value| value.as_str().unwrap().to_owned());
        let code = code.or_else(|| Some(trailers.get("grpc-status")?.to_str().unwrap().to_owned()));
        let told =
            head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_str().unwrap().to_owned()));
        let behind = trailers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        Told { code: code.unwrap().parse().unwrap(), headers: told.chain(behind).collect(), body: all.to_bytes() }
    }
}

impl Told {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }
}
