//! Requests of the Open Inference Protocol: whatever a client sends is refused with a client's status, or means the
//! same after it is written for a backend and read again.
//!
//! A corpus file is a body. A first line `#N` sets the header `inference-header-content-length` to `N`.

use bytes::Bytes;
use http::HeaderValue;
use sluicegate_core::{
    Body, DataType, Fields, InferRequest, ModelMetadata, NonFinite, Parameter, Protocol, Tensor, TensorMetadata,
};
use sluicegate_wire::oip_rest::client::{WireForm, encode_request};
use sluicegate_wire::{Limits, codec};

/// Reads one request and checks what must hold of it.
pub fn run(data: &[u8]) {
    let (headers, body) = message(data);
    let codec = codec(Protocol::OipRest);
    let input = TensorMetadata { name: "x".into(), datatype: DataType::Fp32, shape: vec![-1, 2] };
    let metadata = ModelMetadata { inputs: vec![input], ..ModelMetadata::default() };
    assert!(!(codec.needs_metadata)(&headers) || headers.contains("inference-header-content-length"));
    let read = |headers: &Fields, body| (codec.decode_infer)(headers, body, Some(&metadata), &Limits::default());
    let request = match read(&headers, body) {
        Ok((request, _)) => request,
        Err(refusal) => {
            let answer = (codec.encode_refusal)(&refusal);
            assert!(answer.status.is_client_error(), "{refusal}");
            return;
        }
    };
    for binary in [true, false] {
        // What has no JSON form is refused on the way out; that is right.
        let Ok((headers, body)) = encode_request(&request, &WireForm { binary, non_finite: NonFinite::Token }) else {
            assert!(!binary, "binary data carries every tensor");
            continue;
        };
        match read(&headers, whole(body)) {
            Ok((again, _)) => assert!(same(&request, &again), "changed on the way, binary: {binary}"),
            Err(refusal) => assert!(!binary && has_half(&request), "{refusal}"),
        }
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

/// All bytes of a body that is at hand.
fn whole(body: Body) -> Bytes {
    match body {
        Body::Full(bytes) => bytes,
        Body::Pieces(pieces) => pieces.iter().flatten().copied().collect::<Vec<u8>>().into(),
        Body::Empty | Body::Stream(_) => Bytes::new(),
    }
}

fn has_half(request: &InferRequest) -> bool {
    request.inputs.iter().any(|input| matches!(input.datatype(), DataType::Fp16 | DataType::Bf16))
}

/// Whether two requests mean the same. JSON keeps no payload of a NaN.
fn same(left: &InferRequest, right: &InferRequest) -> bool {
    let bits = |value: &Parameter| match value {
        Parameter::Double(value) => Parameter::Uint(value.to_bits()),
        other => other.clone(),
    };
    let parameters = left.parameters.iter().map(|(name, value)| (name, bits(value)));
    left.id == right.id
        && parameters.eq(right.parameters.iter().map(|(name, value)| (name, bits(value))))
        && left.outputs == right.outputs
        && left.inputs.len() == right.inputs.len()
        && left.inputs.iter().zip(&right.inputs).all(|(left, right)| left == right || same_but_nan(left, right))
}

fn same_but_nan(left: &Tensor, right: &Tensor) -> bool {
    let plain = |tensor: &Tensor| -> Vec<u64> {
        match tensor.datatype() {
            DataType::Fp32 => tensor.data().as_chunks().0.iter().map(|bytes| single(*bytes)).collect(),
            DataType::Fp64 => tensor.data().as_chunks().0.iter().map(|bytes| double(*bytes)).collect(),
            _ => tensor.data().iter().map(|byte| u64::from(*byte)).collect(),
        }
    };
    left.name == right.name
        && left.datatype() == right.datatype()
        && left.shape() == right.shape()
        && left.parameters == right.parameters
        && plain(left) == plain(right)
}

fn single(bytes: [u8; 4]) -> u64 {
    let value = f32::from_le_bytes(bytes);
    if value.is_nan() { u64::MAX } else { u64::from(value.to_bits()) }
}

fn double(bytes: [u8; 8]) -> u64 {
    let value = f64::from_le_bytes(bytes);
    if value.is_nan() { u64::MAX } else { value.to_bits() }
}
