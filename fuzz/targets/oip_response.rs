//! Answers of model servers over the Open Inference Protocol: whatever a server sends is read or not, and what was read
//! is the same after it is written for a client and read again. Bodies of the other answers are read too.
//!
//! A corpus file is a body. A first line `#N` sets the header `inference-header-content-length` to `N`.

use bytes::Bytes;
use http::HeaderValue;
use sluicegate_core::{Body, Fields, NonFinite, Outbound, Protocol};
use sluicegate_wire::oip_rest::client;
use sluicegate_wire::{Limits, ReplyForm, codec};

/// Reads one answer and checks what must hold of it.
pub fn run(data: &[u8]) {
    let (headers, body) = message(data);
    let _ = client::decode_health(&body);
    let _ = client::decode_server_extensions(&body);
    if let Some(text) = client::decode_error(&body) {
        assert!(text.chars().count() <= 512 && !text.contains(char::is_control));
    }
    let codec = codec(Protocol::OipRest);
    if let Ok(metadata) = client::decode_metadata(&body) {
        let (_, written) = parts((codec.encode_model_metadata)(&metadata));
        assert_eq!(client::decode_metadata(&written).as_ref(), Ok(&metadata));
    }
    let Ok(response) = client::decode_response(&headers, body, &Limits::default()) else { return };
    let outbound = (codec.encode_infer)(&response, &ReplyForm::binary(), NonFinite::Reject);
    assert!(outbound.is_ok(), "binary data carries every tensor");
    let Ok(outbound) = outbound else { return };
    let (headers, written) = parts(outbound);
    assert_eq!(client::decode_response(&headers, written, &Limits::default()).as_ref(), Ok(&response));
    if let Ok(outbound) = (codec.encode_infer)(&response, &ReplyForm::default(), NonFinite::Reject) {
        let (headers, written) = parts(outbound);
        assert_eq!(client::decode_response(&headers, written, &Limits::default()).as_ref(), Ok(&response));
    }
}

/// Parts a corpus file into headers and body.
fn message(data: &[u8]) -> (Fields, Bytes) {
    let mut headers = Fields::new();
    let mut body = data;
    if let Some((b'#', rest)) = data.split_first() {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.insert("inference-header-content-length", value);
        }
        body = after.get(1..).unwrap_or_default();
    }
    (headers, Bytes::copy_from_slice(body))
}

/// Headers and all bytes of an answer that is at hand.
fn parts(outbound: Outbound) -> (Fields, Bytes) {
    let (head, body) = outbound.into_parts();
    let body = match body {
        Body::Full(bytes) => bytes,
        Body::Pieces(pieces) => pieces.iter().flatten().copied().collect::<Vec<u8>>().into(),
        Body::Empty | Body::Stream(_) => Bytes::new(),
    };
    (head.headers, body)
}
