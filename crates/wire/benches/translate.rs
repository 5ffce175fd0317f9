//! How fast messages are translated, on one thread: tensors between REST's binary data and gRPC, and numbers in JSON
//! beside a generic JSON tree.
//!
//! ```text
//! cargo bench -p sluicegate-wire --bench translate
//! ```
//!
//! Each figure is the best of several rounds; bytes are those of the tensor, for JSON those of the text. Words behind `--`
//! choose lines that contain one of them.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a measurement on a terminal, of messages it made itself"
)]

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use serde_json::Value;
use sluicegate_core::{BackendModel, Body, DataType, Fields, InferRequest, InferResponse, NonFinite, Protocol, Tensor};
use sluicegate_wire::grpc::{Encoding, frame};
use sluicegate_wire::oip_grpc::client::{self, Peer};
use sluicegate_wire::oip_rest::client::{WireForm, encode_request};
use sluicegate_wire::{Limits, ReplyForm, codec};

/// Elements of the tensor: 10 MB of FP32.
const ELEMENTS: u16 = 2_500;
const ROWS: u16 = 1_000;
const ROUNDS: usize = 30;

fn main() {
    let tensor = tensor();
    let size = tensor.data().len();
    println!("FP32 [{ROWS}, {ELEMENTS}]: {:.1} MB", size as f64 / 1e6);
    let request = InferRequest { inputs: vec![tensor.clone()], ..InferRequest::default() };
    binary(&request, size);
    typed(&tensor, size);
    json(&request, &tensor);
}

/// Values as a model takes them: neither whole nor all of one length.
fn tensor() -> Tensor {
    let values =
        (0..ROWS).flat_map(|row| (0..ELEMENTS).map(move |column| (f32::from(row) - 500.0) / (f32::from(column) + 0.7)));
    let data: Vec<u8> = values.flat_map(f32::to_le_bytes).collect();
    Tensor::new("x", DataType::Fp32, vec![u64::from(ROWS), u64::from(ELEMENTS)], data.into()).unwrap()
}

fn binary(request: &InferRequest, size: usize) {
    let model = BackendModel { name: "m".into(), version: None };
    let (headers, body) = encode_request(request, &WireForm { binary: true, non_finite: NonFinite::Token }).unwrap();
    let body = joined(body);
    let to_grpc = |body: Bytes| {
        let request = read_rest(&headers, body);
        client::encode_request(&request, &model, &Peer::default()).unwrap()
    };
    report("REST binary -> gRPC, no copy", size, || drop(black_box(to_grpc(body.clone()))));
    report("REST binary -> gRPC, and one copy", size, || drop(black_box(to_grpc(body.clone()).concat())));

    let framed = Bytes::from(to_grpc(body.clone()).concat());
    let grpc = codec(Protocol::OipGrpc);
    let rest = codec(Protocol::OipRest);
    report("gRPC -> REST binary, no copy", size, || {
        let message = frame::Reader::new(Encoding::Identity, u64::MAX).read(&mut framed.clone()).unwrap().unwrap();
        let (request, _) = (grpc.decode_infer)(&Fields::new(), message, None, &Limits::default()).unwrap();
        let response = InferResponse { outputs: request.inputs, ..InferResponse::default() };
        drop(black_box((rest.encode_infer)(&response, &ReplyForm::binary(), NonFinite::Token)));
    });
    report("gRPC frame in 16 KiB pieces, joined", size, || {
        let mut reader = frame::Reader::new(Encoding::Identity, u64::MAX);
        let mut rest = framed.clone();
        while !rest.is_empty() {
            let mut piece = rest.split_to(rest.len().min(16 * 1024));
            drop(black_box(reader.read(&mut piece).unwrap()));
        }
    });
}

/// Typed contents: floats stand there as they are meant, integers do not.
fn typed(tensor: &Tensor, size: usize) {
    use prost::Message;
    use sluicegate_wire::generated::inference::{
        InferTensorContents, ModelInferRequest, model_infer_request::InferInputTensor,
    };
    let singles: Vec<f32> = tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let integers: Vec<i64> = (0..1_250_000).map(|number: i64| number * 7919 - 4_000_000).collect();
    let shape = |length: usize| vec![i64::try_from(length).unwrap_or(0)];
    let single = InferTensorContents { fp32_contents: singles, ..InferTensorContents::default() };
    let integer = InferTensorContents { int64_contents: integers, ..InferTensorContents::default() };
    for (datatype, length, contents) in [("FP32", size / 4, single), ("INT64", 1_250_000, integer)] {
        let (name, datatype) = ("x".to_owned(), datatype.to_owned());
        let label = format!("gRPC typed {datatype} -> canonical");
        let input =
            InferInputTensor { name, datatype, shape: shape(length), contents: Some(contents), ..Default::default() };
        let message = ModelInferRequest { inputs: vec![input], ..ModelInferRequest::default() };
        let message = Bytes::from(message.encode_to_vec());
        let grpc = codec(Protocol::OipGrpc);
        report(&label, size, || {
            drop(black_box((grpc.decode_infer)(&Fields::new(), message.clone(), None, &Limits::default()).unwrap()));
        });
        let generic = label.replace("canonical", "generated types");
        report(&generic, size, || drop(black_box(ModelInferRequest::decode(message.clone()).unwrap())));
    }
}

fn json(request: &InferRequest, tensor: &Tensor) {
    let (headers, body) = encode_request(request, &WireForm { binary: false, non_finite: NonFinite::Token }).unwrap();
    let text = joined(body);
    let size = text.len();
    println!("the same as JSON: {:.1} MB", size as f64 / 1e6);
    report("JSON numbers read", size, || drop(black_box(read_rest(&headers, text.clone()))));
    report("JSON numbers read by serde_json::Value", size, || {
        drop(black_box(serde_json::from_slice::<Value>(&text).unwrap()));
    });
    let response = InferResponse { outputs: vec![tensor.clone()], ..InferResponse::default() };
    let rest = codec(Protocol::OipRest);
    report("JSON numbers written", size, || {
        drop(black_box((rest.encode_infer)(&response, &ReplyForm::default(), NonFinite::Token).unwrap()));
    });
    let tree: Value = serde_json::from_slice(&text).unwrap();
    report("JSON numbers written by serde_json::Value", size, || drop(black_box(tree.to_string())));
}

fn read_rest(headers: &Fields, body: Bytes) -> InferRequest {
    (codec(Protocol::OipRest).decode_infer)(headers, body, None, &Limits::default()).unwrap().0
}

fn joined(body: Body) -> Bytes {
    match body {
        Body::Full(bytes) => bytes,
        Body::Pieces(pieces) => pieces.iter().flatten().copied().collect::<Vec<u8>>().into(),
        Body::Empty | Body::Stream(_) => panic!("the message is at hand"),
    }
}

fn report(what: &str, bytes: usize, mut run: impl FnMut()) {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with('-')).peekable();
    if words.peek().is_some() && !words.any(|word| what.contains(&word)) {
        return;
    }
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        run();
        best = best.min(began.elapsed().as_secs_f64());
    }
    let rate = bytes as f64 / best / 1e6;
    let shown = if rate >= 1000.0 { format!("{:.1} GB/s", rate / 1000.0) } else { format!("{rate:.0} MB/s") };
    println!("{what:<42} {:>10.3} ms {shown:>14}", best * 1e3);
}
