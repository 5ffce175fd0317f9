//! What a whole request costs on its path, with a backend that answers at once, and what of it can be told apart.
//!
//! ```text
//! cargo bench -p sluicegate-flow --bench stages
//! ```
//!
//! The path has one entrance; what a stage costs is the difference between two requests. The ids' file is compiled in here
//! once more, the codecs are another room's.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a measurement of messages it made itself, by a file made for more"
)]

mod path;

use std::alloc::System;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::HeaderValue;

use sluicegate_core::{
    BackendModel, DataType, Dice, Fields, Inbound, InferRequest, InferResponse, NonFinite, Protocol, Tensor,
};
use sluicegate_testkit::{SeededDice, Stages};
use sluicegate_wire::oip_grpc::client::{self, Peer};
use sluicegate_wire::{Limits, ReplyForm, codec};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[path = "../../src/trail/ids.rs"]
mod ids;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const INFER: &str = r#"{"inputs":[{"name":"features","shape":[1,4],"datatype":"FP32","data":[5.1,3.4,1.5,0.2]}]}"#;

const CHAT: &str = r#"{"model":"talk","messages":[{"role":"system","content":"You answer briefly."},{"role":"user","content":"What is the capital of France, and how many people live there?"}],"temperature":0.2,"max_tokens":64}"#;

fn main() {
    let mut stages = Stages::of("flow", || {
        let made = ALLOCATOR.stats();
        made.allocations + made.reallocations
    });
    whole(&mut stages);
    ids(&mut stages);
    codecs(&mut stages);
    stages.finish();
}

/// From the head to the last byte of the answer's body.
fn whole(stages: &mut Stages) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    // Timers belong to a runtime; nothing here waits, so nothing else does.
    let _inside = runtime.enter();
    let gateway = path::gateway();
    let [passed, decoded] = ["passed", "tensors"].map(grpc_request);
    let serve = |inbound| {
        let outbound = sluicegate_flow::serve(&gateway, inbound).now_or_never().unwrap();
        assert_eq!(outbound.status, 200);
        path::read(outbound)
    };
    let json = |path| move || path::inbound(path, "application/json", Bytes::from_static(INFER.as_bytes()));
    stages.stage("whole path: OIP JSON, bytes untouched", 9, json("/v2/models/raw/infer"), serve);
    stages.stage("whole path: OIP JSON, decoded and encoded", 30, json("/v2/models/tensors/infer"), serve);
    let infer = "/inference.GRPCInferenceService/ModelInfer";
    let grpc = |message: &Bytes| path::inbound(infer, "application/grpc", message.clone());
    stages.stage("whole path: gRPC ModelInfer, tensors untouched", 14, || grpc(&passed), serve);
    stages.stage("whole path: gRPC ModelInfer, decoded and encoded", 35, || grpc(&decoded), serve);
    let chat = || path::inbound("/v1/chat/completions", "application/json", Bytes::from_static(CHAT.as_bytes()));
    stages.stage("whole path: OpenAI chat", 19, chat, serve);
    stages.stage("whole path: no such model, refused", 9, json("/v2/models/none/infer"), |inbound| {
        path::read(sluicegate_flow::serve(&gateway, inbound).now_or_never().unwrap())
    });
}

fn ids(stages: &mut Stages) {
    let dice = SeededDice::new(1);
    let make = |inbound: &Inbound| ids::Ids::read_or_make(&inbound.head, inbound.peer, &dice as &dyn Dice);
    let none = path::inbound("/v2", "application/json", Bytes::new());
    stages.stage("ids: made", 2, || (), |()| make(&none));
    let mut inbound = path::inbound("/v2", "application/json", Bytes::new());
    let sent = &mut inbound.head.headers;
    sent.insert("x-request-id", HeaderValue::from_static("0123456789abcdef"));
    let trace = HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    sent.insert("traceparent", trace);
    stages.stage("ids: taken from the client", 2, || (), |()| make(&inbound));
    stages.stage("ids: as fields for the next hop", 2, || make(&inbound), |ids| ids.headers());
}

fn codecs(stages: &mut Stages) {
    let limits = Limits::default();
    let (rest, grpc, chat) = (codec(Protocol::OipRest), codec(Protocol::OipGrpc), codec(Protocol::OpenAi));
    let none = Fields::new();
    stages.stage(
        "decode: OIP JSON",
        5,
        || Bytes::from_static(INFER.as_bytes()),
        |body| (rest.decode_infer)(&none, body, None, &limits).unwrap(),
    );
    let response = path::response();
    stages.stage(
        "encode: OIP JSON",
        9,
        || (),
        |()| (rest.encode_infer)(&response, &ReplyForm::default(), NonFinite::Token).unwrap(),
    );
    let message = grpc_request("tensors").slice(5..);
    stages.stage(
        "decode: gRPC",
        8,
        || message.clone(),
        |message| (grpc.decode_infer)(&none, message, None, &limits).unwrap(),
    );
    stages.stage(
        "encode: gRPC",
        12,
        || (),
        |()| (grpc.encode_infer)(&response, &ReplyForm::default(), NonFinite::Token).unwrap(),
    );
    let read = chat.generative.unwrap();
    let body = Bytes::from_static(CHAT.as_bytes());
    stages.stage("look for the model: OpenAI chat", 3, || (), |()| read(&none, &body).unwrap());
}

/// A framed message.
fn grpc_request(model: &str) -> Bytes {
    let model = BackendModel { name: model.into(), version: None };
    let request = InferRequest { inputs: vec![tensor("features", &[5.1, 3.4, 1.5, 0.2])], ..InferRequest::default() };
    client::encode_request(&request, &model, &Peer::default()).unwrap().concat().into()
}

fn tensor(name: &str, values: &[f32]) -> Tensor {
    let data: Vec<u8> = values.iter().copied().flat_map(f32::to_le_bytes).collect();
    Tensor::new(name, DataType::Fp32, vec![1, values.len() as u64], data.into()).unwrap()
}
