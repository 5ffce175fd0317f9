use bytes::Bytes;
use sluicegate_core::{
    BackendModel, DataType, Fields, InferRequest, InferResponse, Parameter, RequestedOutput, Tensor,
};

use super::{framed, request, response};
use crate::Limits;
use crate::grpc::frame::PREFIX;
use crate::grpc::protobuf::put_text;
use crate::oip_grpc::client::{Peer, decode_response, encode_request};
use crate::oip_grpc::{request as decoder, response as answers};

fn tensor(name: &str, datatype: DataType, shape: &[u64], bytes: usize) -> Tensor {
    Tensor::new(name, datatype, shape.to_vec(), vec![1; bytes].into()).unwrap()
}

fn plain() -> InferRequest {
    InferRequest {
        id: Some("one".into()),
        inputs: vec![tensor("a", DataType::Fp32, &[1, 4], 16), tensor("b", DataType::Int8, &[5000], 5000)],
        outputs: vec![RequestedOutput { name: "y".into(), ..RequestedOutput::default() }],
        ..InferRequest::default()
    }
}

fn message(request: &InferRequest, model: &str) -> Bytes {
    let model = BackendModel { name: model.into(), version: Some("3".into()) };
    whole(&encode_request(request, &model, &Peer::default()).unwrap())
}

/// Pieces without their frame.
fn whole(pieces: &[Bytes]) -> Bytes {
    let framed: Bytes = pieces.concat().into();
    assert_eq!(framed.get(1..PREFIX).unwrap(), u32::try_from(framed.len() - PREFIX).unwrap().to_be_bytes());
    framed.slice(PREFIX..)
}

#[test]
fn a_plain_request_arrives_as_if_it_had_been_decoded_under_the_other_names() {
    let unnamed = request(&message(&plain(), "ours"), &Limits::default()).unwrap();
    assert_eq!(unnamed.id.as_deref(), Some("one"));
    assert_eq!(whole(&framed(&unnamed, "theirs", Some("3")).unwrap()), message(&plain(), "theirs"));
    let (read, _) =
        decoder::decode(&Fields::new(), whole(&framed(&unnamed, "theirs", None).unwrap()), None, &Limits::default())
            .unwrap();
    assert_eq!(read, plain());
}

#[test]
fn a_plain_answer_keeps_its_tensors_and_nothing_of_its_names() {
    let answer = InferResponse {
        model_name: "theirs".into(),
        model_version: Some("9".into()),
        id: Some("made up".into()),
        outputs: vec![tensor("y", DataType::Fp64, &[2], 16)],
        ..InferResponse::default()
    };
    let sent: Bytes = answers::pieces(&answer).and_then(super::super::write::framed).unwrap().concat().into();
    let mut unnamed = response(&sent.slice(PREFIX..), &Limits::default()).unwrap();
    unnamed.id = None;
    let back = whole(&framed(&unnamed, "ours", Some("1")).unwrap());
    let read = decode_response(back, &Limits::default()).unwrap();
    let wanted = InferResponse { model_name: "ours".into(), model_version: Some("1".into()), id: None, ..answer };
    assert_eq!(read, wanted);
}

#[test]
fn what_is_not_plain_is_left_to_the_decoder() {
    let passes = |request_: &InferRequest| request(&message(request_, "m"), &Limits::default()).is_some();
    assert!(passes(&plain()));
    let with = |change: &dyn Fn(&mut InferRequest)| {
        let mut request = plain();
        change(&mut request);
        request
    };
    let odd: [(&str, InferRequest); 7] = [
        ("parameters", with(&|request| request.parameters.set("sequence_id", Parameter::Int(1)))),
        ("a tensor's parameters", with(&|request| request.inputs[0].parameters.set("x", Parameter::Bool(true)))),
        ("an output's parameters", with(&|request| request.outputs[0].parameters.set("x", Parameter::Bool(true)))),
        ("bytes", with(&|request| request.inputs.push(tensor("s", DataType::Bytes, &[0], 0)))),
        ("booleans", with(&|request| request.inputs.push(tensor("t", DataType::Bool, &[2], 2)))),
        ("an empty tensor", with(&|request| request.inputs.push(tensor("e", DataType::Fp32, &[0], 0)))),
        ("no tensors", InferRequest::default()),
    ];
    for (what, request) in &odd {
        assert!(!passes(request), "{what}");
    }
    assert!(!passes(&with(&|request| request.outputs.push(request.outputs[0].clone()))), "an output twice");
    assert!(!passes(&with(&|request| request.inputs.push(request.inputs[0].clone()))), "a tensor twice");
}

#[test]
fn bytes_that_do_not_fit_or_stand_elsewhere_are_left_to_the_decoder() {
    let limits = Limits::default();
    let good = message(&plain(), "m").to_vec();
    assert!(request(&good.clone().into(), &limits).is_some());
    // Cut anywhere, it is not plain, or it is not Protocol Buffers.
    for end in 0..good.len().min(200) {
        assert!(request(&good[..end].to_vec().into(), &limits).is_none(), "cut at {end}");
    }
    let behind = |number: u32, text: &str| {
        let mut bytes = good.clone();
        put_text(number, text, &mut bytes);
        request(&bytes.into(), &limits)
    };
    assert!(behind(1, "other").is_none(), "a second name behind the tensors");
    assert!(behind(3, "other").is_none(), "a second id behind the tensors");
    assert!(behind(7, "abcd").is_none(), "more contents than tensors");
    assert!(behind(9, "x").is_none(), "an unknown field");
    let small = Limits { elements: 5003, ..limits };
    assert!(request(&good.clone().into(), &small).is_none(), "more elements than are taken");
    assert!(request(&good.into(), &Limits { elements: 5004, ..limits }).is_some());
}
