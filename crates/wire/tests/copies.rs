//! A large tensor passes from protocol to protocol without being copied: counted by what is allocated on the way.
//!
//! A test binary of its own with one test, for it counts for the whole process.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail a test as the test itself does")]

use std::alloc::System;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use sluicegate_core::{BackendModel, Body, DataType, Fields, InferRequest, InferResponse, NonFinite, Protocol, Tensor};
use sluicegate_wire::grpc::{Encoding, frame};
use sluicegate_wire::oip_grpc::client::{self as grpc, Peer};
use sluicegate_wire::oip_rest::client::{self as rest, WireForm};
use sluicegate_wire::{Limits, ReplyForm, codec};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// 10 MB of FP32.
const SIZE: usize = 10_000_000;

/// What a message needs beside its tensor: names, shapes, lists of pieces.
const LITTLE: usize = 16 * 1024;

#[test]
fn a_large_tensor_is_passed_on_without_a_copy() {
    let shape = vec![1000, SIZE as u64 / 4000];
    let tensor = Tensor::new("x", DataType::Fp32, shape, vec![7; SIZE].into()).unwrap();
    let request = InferRequest { inputs: vec![tensor.clone()], ..InferRequest::default() };
    let response = InferResponse { outputs: vec![tensor], ..InferResponse::default() };
    let model = BackendModel { name: "m".into(), version: None };
    let binary = WireForm { binary: true, non_finite: NonFinite::Token };
    let limits = Limits::default();
    let (oip_rest, oip_grpc) = (codec(Protocol::OipRest), codec(Protocol::OipGrpc));

    let (headers, body) = rest::encode_request(&request, &binary).unwrap();
    let body = joined(body);
    let (pieces, bytes) = counted(|| {
        let (request, _) = (oip_rest.decode_infer)(&headers, body.clone(), None, &limits).unwrap();
        grpc::encode_request(&request, &model, &Peer::default()).unwrap()
    });
    assert!(bytes < LITTLE, "request, REST binary data to gRPC: {bytes} bytes");
    // A sender that wants one piece makes the one copy that is allowed.
    let (framed, bytes) = counted(|| pieces.concat());
    assert!(bytes < SIZE + LITTLE, "{bytes} bytes");

    let framed = Bytes::from(framed);
    let (_, bytes) = counted(|| {
        let mut head = Fields::new();
        head.insert(CONTENT_TYPE, sluicegate_wire::grpc::CONTENT);
        let message = (oip_grpc.open)(&head, framed.clone(), &limits).unwrap();
        let (request, _) = (oip_grpc.decode_infer)(&head, message, None, &limits).unwrap();
        rest::encode_request(&request, &binary).unwrap()
    });
    assert!(bytes < LITTLE, "request, gRPC to REST binary data: {bytes} bytes");

    // What comes in pieces, as the network cuts them, is put together once; each piece is the network's own.
    let answer = grpc_message(&response);
    let pieces: Vec<Bytes> = answer.chunks(16 * 1024).map(Bytes::copy_from_slice).collect();
    let (message, bytes) = counted(|| {
        let mut reader = frame::Reader::new(Encoding::Identity, u64::MAX);
        pieces.into_iter().find_map(|mut piece| reader.read(&mut piece).unwrap()).unwrap()
    });
    assert!(bytes < SIZE + LITTLE, "a frame in pieces: {bytes} bytes");
    let (answer, bytes) = counted(|| {
        let grpc::Streamed::Answer(response) = grpc::decode_streamed(message, &limits).unwrap() else {
            panic!("an error in band");
        };
        (oip_rest.encode_infer)(&response, &ReplyForm::binary(), NonFinite::Token).unwrap()
    });
    assert!(bytes < LITTLE, "answer, gRPC to REST binary data: {bytes} bytes");

    let (head, body) = answer.into_parts();
    let body = joined(body);
    let (_, bytes) = counted(|| {
        let response = rest::decode_response(&head.headers, body, &limits).unwrap();
        (oip_grpc.encode_infer)(&response, &ReplyForm::default(), NonFinite::Token).unwrap()
    });
    assert!(bytes < LITTLE, "answer, REST binary data to gRPC: {bytes} bytes");
}

/// A framed answer of a stream.
fn grpc_message(response: &InferResponse) -> Vec<u8> {
    let stream = codec(Protocol::OipGrpc).stream.unwrap();
    (stream.item)(response, &ReplyForm::default(), NonFinite::Token).unwrap().concat()
}

/// Runs it, and tells the bytes that were allocated meanwhile.
fn counted<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let region = Region::new(ALLOCATOR);
    let value = run();
    (value, region.change().bytes_allocated)
}

fn joined(body: Body) -> Bytes {
    match body {
        Body::Full(bytes) => bytes,
        Body::Pieces(pieces) => pieces.iter().flatten().copied().collect::<Vec<u8>>().into(),
        Body::Empty | Body::Stream(_) => Bytes::new(),
    }
}
