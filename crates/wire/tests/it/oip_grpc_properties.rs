//! What holds for all bytes that come as messages of the Open Inference Protocol over gRPC, read beside generated code.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use sluicegate_core::{BackendModel, Fields, InferRequest, Protocol, Refusal, Tensor};
use sluicegate_wire::generated::inference::ModelInferRequest;
use sluicegate_wire::grpc::status::Status;
use sluicegate_wire::oip_grpc::client::{self, Peer};
use sluicegate_wire::{Limits, codec};

use crate::grpc_answers::{content_type, unframed};
use crate::lossless::{request, seen, typed_request};

fn model() -> BackendModel {
    BackendModel { name: "m".into(), version: Some("1".into()) }
}

/// A request as the gateway writes it; none for one that it refuses to write or to read.
fn message(request: &InferRequest) -> Option<Bytes> {
    let message = unframed(&client::encode_request(request, &model(), &Peer::default()).ok()?);
    decode(message.clone()).is_ok().then_some(message)
}

fn decode(message: Bytes) -> Result<InferRequest, Refusal> {
    (codec(Protocol::OipGrpc).decode_infer)(&content_type(), message, None, &Limits::default())
        .map(|(request, _)| request)
}

proptest! {
    // 256 cases, or as many as PROPTEST_CASES says.
    #![proptest_config(ProptestConfig::default())]

    #[test]
    fn requests_read_by_generated_code_are_the_same(request in request()) {
        let Some(message) = message(&request) else { return Ok(()) };
        let read = ModelInferRequest::decode(message).unwrap();
        prop_assert_eq!((read.model_name.as_str(), read.model_version.as_str()), ("m", "1"));
        prop_assert_eq!(&read.id, request.id.as_deref().unwrap_or_default());
        prop_assert_eq!(&read.parameters, &seen(&request.parameters));
        prop_assert_eq!(read.inputs.len(), request.inputs.len());
        for ((tensor, input), raw) in request.inputs.iter().zip(&read.inputs).zip(&read.raw_input_contents) {
            prop_assert_eq!((&tensor.name, tensor.datatype().as_str()), (&input.name, input.datatype.as_str()));
            prop_assert_eq!(tensor.data(), raw);
            prop_assert_eq!(&input.parameters, &seen(&tensor.parameters));
        }
        for (wanted, output) in request.outputs.iter().zip(&read.outputs) {
            prop_assert_eq!(&wanted.name, &output.name);
        }
        // And written again by generated code, which sorts parameters, and leaves an empty name out.
        if request.inputs.iter().any(|input| input.name.is_empty()) {
            prop_assert!(decode(read.encode_to_vec().into()).unwrap_err().public.ends_with("it has no name"));
            return Ok(());
        }
        let again = decode(read.encode_to_vec().into()).unwrap();
        prop_assert_eq!(seen(&again.parameters), seen(&request.parameters));
        prop_assert_eq!(again.id, request.id.filter(|id| !id.is_empty()));
        prop_assert_eq!(again.inputs.iter().map(Tensor::data).collect::<Vec<_>>(),
            request.inputs.iter().map(Tensor::data).collect::<Vec<_>>());
    }

    #[test]
    fn bytes_never_panic(bytes in vec(any::<u8>(), 0..120)) {
        check(bytes.into())?;
    }

    #[test]
    fn broken_messages_mean_the_same_to_every_reader(
        request in request(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        typed in any::<bool>(),
    ) {
        let good = if typed { typed_request(&request) } else { message(&request).unwrap_or_default() };
        if good.is_empty() {
            return Ok(());
        }
        let place = at.index(good.len());
        let mut changed = good.to_vec();
        changed[place] = byte;
        check(changed.into())?;
        check(good.slice(..place))?;
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
    let named = (grpc.name_in_body.unwrap())(asked, &Fields::new(), &message);
    let _ = client::decode_response(message.clone(), &Limits::default());
    let _ = client::decode_streamed(message.clone(), &Limits::default());
    let _ = client::decode_metadata(message.clone(), &Limits::default());
    match decode(message.clone()) {
        Err(refusal) => {
            let status = Status::read(&(grpc.encode_refusal)(&refusal).headers).unwrap();
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
