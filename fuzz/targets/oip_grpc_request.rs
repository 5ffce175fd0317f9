//! Messages of the Open Inference Protocol over gRPC: whatever a client sends is refused with a client's status, or
//! means the same after it is written for a backend and read again, and the same to a reader of generated code.
//!
//! A corpus file is a message without its frame.

use bytes::Bytes;
use prost::Message;
use sluicegate_core::{Asked, BackendModel, Fields, InferRequest, Operation, Parameter, Parameters, Protocol};
use sluicegate_wire::generated::inference::ModelInferRequest;
use sluicegate_wire::grpc::{Encoding, frame, status::Status};
use sluicegate_wire::oip_grpc::client::{self, Peer};
use sluicegate_wire::{Limits, ReplyForm, codec};

/// Reads one message in every way and checks what must hold of it.
pub fn run(data: &[u8]) {
    let message = Bytes::copy_from_slice(data);
    let codec = codec(Protocol::OipGrpc);
    let asked = Asked { protocol: Protocol::OipGrpc, operation: Operation::Infer, model: None, version: None };
    let named = codec.name_in_body.and_then(|complete| complete(asked, &Fields::new(), &message).ok());
    let read = |message| (codec.decode_infer)(&Fields::new(), message, None, &Limits::default());
    let passed = codec.pass.and_then(|pass| (pass.request)(&message, &Limits::default()));
    let request = match read(message.clone()) {
        Ok((request, _)) => request,
        Err(refusal) => {
            let answer = (codec.encode_refusal)(&refusal);
            let status = Status::read(&answer.headers).unwrap();
            assert_eq!((answer.status.as_u16(), status.code.number()), (200, 3), "{refusal}");
            assert!(passed.is_none(), "it passes, though it would be refused: {refusal}");
            return;
        }
    };
    let other = ModelInferRequest::decode(&*message).unwrap();
    if let Some(named) = named {
        assert_eq!(named.model.as_deref(), Some(other.model_name.as_str()));
    }
    assert_eq!(request.id.as_deref().unwrap_or_default(), other.id);
    assert_eq!(request.inputs.len(), other.inputs.len());
    let model = BackendModel { name: "m".into(), version: None };
    let written = client::encode_request(&request, &model, &Peer::default()).unwrap();
    let passed = passed.map(|unnamed| client::encode_unnamed(&unnamed, &model).unwrap());
    for framed in [Some(written), passed].into_iter().flatten() {
        let mut framed = Bytes::from(framed.concat());
        let again = frame::Reader::new(Encoding::Identity, u64::MAX).read(&mut framed).unwrap().unwrap();
        assert!(framed.is_empty());
        let (again, form) = read(again).unwrap();
        assert!(same(&request, &again), "changed on the way");
        assert_eq!(form, ReplyForm::default());
    }
}

/// Whether two requests mean the same, to the last bit.
fn same(left: &InferRequest, right: &InferRequest) -> bool {
    left.id == right.id
        && equal(&left.parameters, &right.parameters)
        && left.outputs.len() == right.outputs.len()
        && left
            .outputs
            .iter()
            .zip(&right.outputs)
            .all(|(left, right)| left.name == right.name && equal(&left.parameters, &right.parameters))
        && left.inputs.len() == right.inputs.len()
        && left.inputs.iter().zip(&right.inputs).all(|(left, right)| {
            left.name == right.name
                && left.datatype() == right.datatype()
                && left.shape() == right.shape()
                && left.data() == right.data()
                && equal(&left.parameters, &right.parameters)
        })
}

fn equal(left: &Parameters, right: &Parameters) -> bool {
    let bits = |value: &Parameter| match value {
        Parameter::Double(value) => Parameter::String(value.to_bits().to_string()),
        other => other.clone(),
    };
    left.iter().map(|(name, value)| (name, bits(value))).eq(right.iter().map(|(name, value)| (name, bits(value))))
}
