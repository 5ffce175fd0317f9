//! What holds for all messages of the Open Inference Protocol over gRPC, and between it and REST.

use bytes::Bytes;
use http::HeaderMap;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use sluicegate_core::{
    BackendModel, DataType, InferRequest, InferResponse, NonFinite, Parameter, Parameters, Protocol, Refusal, Tensor,
};
use sluicegate_wire::generated::inference::{
    InferParameter, InferTensorContents, ModelInferRequest, infer_parameter::ParameterChoice,
    model_infer_request::InferInputTensor,
};
use sluicegate_wire::grpc::{Encoding, frame, status::Status};
use sluicegate_wire::oip_grpc::client::{self, Peer};
use sluicegate_wire::oip_rest::client::{WireForm, decode_response, encode_request};
use sluicegate_wire::{Limits, ReplyForm, codec};

use crate::bytes_of::{oip, whole};
use crate::grpc_answers::{content_type, message_of, unframed};
use crate::properties::{request, response};

fn model() -> BackendModel {
    BackendModel { name: "m".into(), version: Some("1".into()) }
}

fn message(request: &InferRequest) -> Bytes {
    unframed(&client::encode_request(request, &model(), &Peer::default()).unwrap())
}

fn decode(message: Bytes) -> Result<InferRequest, Refusal> {
    (codec(Protocol::OipGrpc).decode_infer)(&content_type(), message, None, &Limits::default())
        .map(|(request, _)| request)
}

/// As Protocol Buffers see it: an empty id is none.
fn normal(mut request: InferRequest) -> InferRequest {
    request.id = request.id.filter(|id| !id.is_empty());
    request
}

fn normal_response(mut response: InferResponse) -> InferResponse {
    response.id = response.id.filter(|id| !id.is_empty());
    response.model_version = response.model_version.filter(|version| !version.is_empty());
    response
}

/// What a reader of generated code sees of parameters, in their order by name.
fn seen(parameters: &Parameters) -> Vec<(String, InferParameter)> {
    let choice = |value: &Parameter| match value {
        Parameter::Bool(value) => ParameterChoice::BoolParam(*value),
        Parameter::Int(value) => ParameterChoice::Int64Param(*value),
        Parameter::Uint(value) => ParameterChoice::Uint64Param(*value),
        Parameter::Double(value) => ParameterChoice::DoubleParam(*value),
        Parameter::String(value) => ParameterChoice::StringParam(value.clone()),
    };
    let mut seen: Vec<(String, InferParameter)> = parameters
        .iter()
        .map(|(name, value)| (name.to_owned(), InferParameter { parameter_choice: Some(choice(value)) }))
        .collect();
    seen.sort_by(|left, right| left.0.cmp(&right.0));
    seen
}

/// The typed form of a tensor, as a client without raw contents writes it; none for what has no such form.
fn typed(tensor: &Tensor) -> Option<InferTensorContents> {
    fn values<T, const N: usize>(tensor: &Tensor, from: fn([u8; N]) -> T) -> Vec<T> {
        tensor.data().as_chunks::<N>().0.iter().map(|bytes| from(*bytes)).collect()
    }
    let mut contents = InferTensorContents::default();
    match tensor.datatype() {
        DataType::Bool => contents.bool_contents = tensor.data().iter().map(|byte| *byte == 1).collect(),
        DataType::Int8 => contents.int_contents = values(tensor, |bytes| i32::from(i8::from_le_bytes(bytes))),
        DataType::Int16 => contents.int_contents = values(tensor, |bytes| i32::from(i16::from_le_bytes(bytes))),
        DataType::Int32 => contents.int_contents = values(tensor, i32::from_le_bytes),
        DataType::Int64 => contents.int64_contents = values(tensor, i64::from_le_bytes),
        DataType::Uint8 => contents.uint_contents = values(tensor, |bytes| u32::from(u8::from_le_bytes(bytes))),
        DataType::Uint16 => contents.uint_contents = values(tensor, |bytes| u32::from(u16::from_le_bytes(bytes))),
        DataType::Uint32 => contents.uint_contents = values(tensor, u32::from_le_bytes),
        DataType::Uint64 => contents.uint64_contents = values(tensor, u64::from_le_bytes),
        DataType::Fp32 => contents.fp32_contents = values(tensor, f32::from_le_bytes),
        DataType::Fp64 => contents.fp64_contents = values(tensor, f64::from_le_bytes),
        DataType::Bytes => contents.bytes_contents = tensor.bytes_elements().collect(),
        DataType::Fp16 | DataType::Bf16 => return None,
    }
    Some(contents)
}

fn typed_request(request: &InferRequest) -> Option<ModelInferRequest> {
    let inputs = request.inputs.iter().map(|tensor| {
        Some(InferInputTensor {
            name: tensor.name.clone(),
            datatype: tensor.datatype().as_str().into(),
            shape: tensor.shape().iter().map(|dimension| i64::try_from(*dimension).unwrap()).collect(),
            parameters: seen(&tensor.parameters).into_iter().collect(),
            contents: Some(typed(tensor)?),
        })
    });
    Some(ModelInferRequest { model_name: "m".into(), inputs: inputs.collect::<Option<_>>()?, ..Default::default() })
}

proptest! {
    // 256 cases, or as many as PROPTEST_CASES says.
    #![proptest_config(ProptestConfig::default())]

    #[test]
    fn requests_survive(request in request(false), cut in 1..64_usize) {
        let framed: Bytes = client::encode_request(&request, &model(), &Peer::default()).unwrap().concat().into();
        let mut reader = frame::Reader::new(Encoding::Identity, framed.len() as u64);
        let mut read = None;
        for piece in framed.chunks(cut) {
            let mut piece = Bytes::copy_from_slice(piece);
            read = reader.read(&mut piece).unwrap();
        }
        prop_assert_eq!(decode(read.unwrap()).unwrap(), normal(request));
    }

    #[test]
    fn answers_survive(response in response(false)) {
        let codec = codec(Protocol::OipGrpc);
        let answer = (codec.encode_infer)(&response, &ReplyForm::default(), NonFinite::Token).unwrap();
        let again = client::decode_response(message_of(answer), &Limits::default()).unwrap();
        prop_assert_eq!(&again, &normal_response(response.clone()));
        let item = (codec.stream.unwrap().item)(&response, &ReplyForm::default(), NonFinite::Token).unwrap();
        let streamed = client::decode_streamed(unframed(&item), &Limits::default()).unwrap();
        prop_assert_eq!(streamed, client::Streamed::Answer(again));
    }

    #[test]
    fn requests_read_by_generated_code_are_the_same(request in request(false)) {
        let read = ModelInferRequest::decode(message(&request)).unwrap();
        prop_assert_eq!((read.model_name.as_str(), read.model_version.as_str()), ("m", "1"));
        prop_assert_eq!(&read.id, request.id.as_deref().unwrap_or_default());
        prop_assert_eq!(read.parameters.clone().into_iter().collect::<Vec<_>>(), seen(&request.parameters));
        prop_assert_eq!(read.inputs.len(), request.inputs.len());
        for ((tensor, input), raw) in request.inputs.iter().zip(&read.inputs).zip(&read.raw_input_contents) {
            prop_assert_eq!((&tensor.name, tensor.datatype().as_str()), (&input.name, input.datatype.as_str()));
            prop_assert_eq!(tensor.data(), raw);
            let parameters: Vec<_> = input.parameters.clone().into_iter().collect();
            prop_assert_eq!(parameters, seen(&tensor.parameters));
        }
        for (wanted, output) in request.outputs.iter().zip(&read.outputs) {
            prop_assert_eq!(&wanted.name, &output.name);
        }
        // And written again by generated code, which sorts parameters.
        let again = decode(read.encode_to_vec().into()).unwrap();
        prop_assert_eq!(seen(&again.parameters), seen(&request.parameters));
        prop_assert_eq!(again.id, normal(request.clone()).id);
        prop_assert_eq!(again.inputs.iter().map(Tensor::data).collect::<Vec<_>>(),
            request.inputs.iter().map(Tensor::data).collect::<Vec<_>>());
    }

    #[test]
    fn typed_contents_are_the_same_tensors(request in request(true)) {
        let typed = typed_request(&request).unwrap();
        let read = decode(typed.encode_to_vec().into()).unwrap();
        prop_assert_eq!(read.inputs.len(), request.inputs.len());
        for (left, right) in read.inputs.iter().zip(&request.inputs) {
            prop_assert_eq!((&left.name, left.shape(), left.data()), (&right.name, right.shape(), right.data()));
        }
    }

    #[test]
    fn requests_survive_from_rest_to_grpc_and_back(request in request(true), binary in any::<bool>()) {
        let rest = |request: &InferRequest| {
            let form = WireForm { binary, non_finite: NonFinite::Token };
            let (headers, body) = encode_request(request, &form).unwrap();
            (oip().decode_infer)(&headers, whole(body), None, &Limits::default()).unwrap().0
        };
        let first = rest(&request);
        let second = decode(message(&first)).unwrap();
        prop_assert_eq!(rest(&second), normal(request));
    }

    #[test]
    fn answers_survive_from_grpc_to_rest_and_back(response in response(true), binary in any::<bool>()) {
        let response = normal_response(response);
        let answer = (codec(Protocol::OipGrpc).encode_infer)(&response, &ReplyForm::default(), NonFinite::Token);
        let first = client::decode_response(message_of(answer.unwrap()), &Limits::default()).unwrap();
        let form = if binary { ReplyForm::binary() } else { ReplyForm::default() };
        let (head, body) = (oip().encode_infer)(&first, &form, NonFinite::Token).unwrap().into_parts();
        prop_assert_eq!(decode_response(&head.headers, whole(body), &Limits::default()).unwrap(), response);
    }

    #[test]
    fn bytes_never_panic(bytes in vec(any::<u8>(), 0..120)) {
        check(bytes.into())?;
    }

    #[test]
    fn broken_messages_mean_the_same_to_every_reader(
        request in request(false),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        typed in any::<bool>(),
    ) {
        let good = match typed_request(&request) {
            Some(message) if typed => message.encode_to_vec(),
            _ => message(&request).to_vec(),
        };
        let place = at.index(good.len());
        let mut changed = good.clone();
        changed[place] = byte;
        check(changed.into())?;
        check(Bytes::from(good).slice(..place))?;
    }
}

/// A message is refused as the client's fault, or names the same model to the scan, to the reader and to generated code.
fn check(message: Bytes) -> Result<(), TestCaseError> {
    let grpc = codec(Protocol::OipGrpc);
    let asked = sluicegate_core::Asked {
        protocol: Protocol::OipGrpc,
        operation: sluicegate_core::Operation::Infer,
        model: None,
        version: None,
    };
    let named = (grpc.name_in_body.unwrap())(asked, &HeaderMap::new(), &message);
    let _ = client::decode_response(message.clone(), &Limits::default());
    let _ = client::decode_streamed(message.clone(), &Limits::default());
    let _ = client::decode_metadata(message.clone(), &Limits::default());
    match decode(message.clone()) {
        Err(refusal) => {
            let status = Status::read((grpc.encode_refusal)(&refusal).headers()).unwrap();
            prop_assert_eq!(status.code.number(), 3);
        }
        Ok(request) => {
            let other = ModelInferRequest::decode(message).unwrap();
            prop_assert_eq!(request.inputs.len(), other.inputs.len());
            match named {
                Ok(named) => prop_assert_eq!(named.model.unwrap(), other.model_name),
                Err(refusal) => prop_assert!(other.model_name.is_empty(), "{}", refusal),
            }
        }
    }
    Ok(())
}
