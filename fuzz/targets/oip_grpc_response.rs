//! Messages that a model server sends over gRPC: each is read or not, without a panic, and what was read is the same to
//! a reader of generated code, after it is written for a client of either protocol and read again, and as JSON.
//!
//! A corpus file is a message without its frame.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::Body as _;
use prost::Message;
use serde_json::Value;
use sluicegate_core::{
    Body, InferResponse, ModelMetadata, NonFinite, Outbound, Parameter, Parameters, Protocol, Unnamed,
};
use sluicegate_wire::generated::inference::{ModelInferResponse, RepositoryIndexResponse};
use sluicegate_wire::grpc::{Encoding, frame};
use sluicegate_wire::oip_grpc::client::{self, Streamed};
use sluicegate_wire::oip_grpc::facts;
use sluicegate_wire::{Limits, ReplyForm, codec, oip_rest};

/// Reads one message in every way and checks what must hold of it.
pub fn run(data: &[u8]) {
    let message = Bytes::copy_from_slice(data);
    let limits = Limits::default();
    let decoded = client::decode_response(message.clone(), &limits);
    if let Some(unnamed) = client::unnamed_response(&message, &limits) {
        passes(&unnamed, decoded.as_ref().unwrap(), &limits);
    }
    if let Ok(response) = decoded {
        generated_code_reads(&message, &response);
        survives_grpc(&response, &limits);
        survives_rest(&response, &limits);
    }
    match client::decode_streamed(message.clone(), &limits) {
        Ok(Streamed::Error { message, id }) => {
            assert!(message.chars().count() <= 512 && !message.contains(char::is_control));
            assert!(id.is_none_or(|id| !id.is_empty() && id.len() <= limits.name));
        }
        Ok(Streamed::Answer(response)) => survives_grpc(&response, &limits),
        Err(_) => {}
    }
    if let Ok(metadata) = client::decode_metadata(message.clone(), &limits) {
        described(&metadata, &limits);
    }
    if let (Ok(models), Ok(again)) = (client::decode_index(&message), RepositoryIndexResponse::decode(&*message)) {
        assert_eq!(models, again.models);
    }
    let _ = client::decode_yes(message.clone());
    let _ = client::decode_server_extensions(&message);
    fact(client::config_to_json(&message), client::config_to_json, facts::config_from_json);
    fact(client::statistics_to_json(&message), client::statistics_to_json, facts::statistics_from_json);
}

/// An answer that passes is the same under the client's names.
fn passes(unnamed: &Unnamed, response: &InferResponse, limits: &Limits) {
    let pass = codec(Protocol::OipGrpc).pass.unwrap();
    let mut framed = whole((pass.answer)(unnamed, "m", "1").unwrap().body);
    let again = frame::Reader::new(Encoding::Identity, u64::MAX).read(&mut framed).unwrap().unwrap();
    let again = client::decode_response(again, limits).unwrap();
    assert_eq!((again.model_name.as_str(), again.model_version.as_deref()), ("m", Some("1")));
    assert!(again.id == response.id && again.outputs == response.outputs && again.parameters == response.parameters);
}

fn generated_code_reads(message: &Bytes, response: &InferResponse) {
    let other = ModelInferResponse::decode(&**message).unwrap();
    assert_eq!(response.model_name, other.model_name);
    assert_eq!(response.model_version.as_deref().unwrap_or_default(), other.model_version);
    assert_eq!(response.id.as_deref().unwrap_or_default(), other.id);
    assert_eq!(response.outputs.len(), other.outputs.len());
    for (tensor, output) in response.outputs.iter().zip(&other.outputs) {
        assert_eq!(tensor.name, output.name);
        assert!(tensor.shape().iter().copied().eq(output.shape.iter().map(|dimension| dimension.cast_unsigned())));
    }
    if !other.raw_output_contents.is_empty() {
        assert!(response.outputs.iter().map(|tensor| &tensor.data()[..]).eq(other.raw_output_contents.iter()));
    }
}

fn survives_grpc(response: &InferResponse, limits: &Limits) {
    let codec = codec(Protocol::OipGrpc);
    let pieces = (codec.stream.unwrap().item)(response, &ReplyForm::default(), NonFinite::Token).unwrap();
    let mut framed = Bytes::from(pieces.concat());
    let message = frame::Reader::new(Encoding::Identity, u64::MAX).read(&mut framed).unwrap().unwrap();
    let Ok(Streamed::Answer(again)) = client::decode_streamed(message, limits) else { panic!("not read again") };
    assert!(same(response, &again), "changed on the way");
}

/// Over REST an answer keeps all but what steers the form, or is refused for a parameter that JSON has no number for.
fn survives_rest(response: &InferResponse, limits: &Limits) {
    let codec = codec(Protocol::OipRest);
    // With binary data a tensor has one parameter more, and may then have more than are read.
    if response.outputs.iter().any(|output| output.parameters.len() >= limits.parameters) {
        return;
    }
    let steers = |name: &str| name == "binary_data_size";
    let infinite = |value: &Parameter| matches!(value, Parameter::Double(value) if !value.is_finite());
    let refused = response.parameters.iter().any(|(_, value)| infinite(value))
        || response
            .outputs
            .iter()
            .flat_map(|output| output.parameters.iter())
            .any(|(name, it)| !steers(name) && infinite(it));
    let written = (codec.encode_infer)(response, &ReplyForm::binary(), NonFinite::Reject);
    assert_eq!(written.is_err(), refused);
    let Ok(written) = written else { return };
    let (head, body) = written.into_parts();
    let again = oip_rest::client::decode_response(&head.headers, whole(body), limits).unwrap();
    let kept = |parameters: &Parameters| -> Parameters {
        let kept = parameters.iter().filter(|(name, _)| !steers(name));
        kept.map(|(name, value)| (name.to_owned(), value.clone())).collect()
    };
    let mut expected = response.clone();
    expected.outputs.iter_mut().for_each(|output| output.parameters = kept(&output.parameters));
    assert!(same(&expected, &again), "changed on the way over REST");
    // As JSON it is written, or refused for a tensor that has no such form; which, the property tests say.
    let _ = (codec.encode_infer)(response, &ReplyForm::default(), NonFinite::Token);
}

fn described(metadata: &ModelMetadata, limits: &Limits) {
    let outbound = (codec(Protocol::OipGrpc).encode_model_metadata)(metadata);
    let mut framed = whole(outbound.into_parts().1);
    let message = frame::Reader::new(Encoding::Identity, u64::MAX).read(&mut framed).unwrap().unwrap();
    let again = client::decode_metadata(message, limits).unwrap();
    let facts =
        |metadata: &ModelMetadata| (metadata.name.clone(), metadata.versions.clone(), metadata.platform.clone());
    assert_eq!(facts(metadata), facts(&again));
    assert_eq!((&metadata.inputs, &metadata.outputs), (&again.inputs, &again.outputs));
    let outbound: Outbound = (codec(Protocol::OipRest).encode_model_metadata)(metadata);
    let again = oip_rest::client::decode_metadata(&whole(outbound.into_parts().1)).unwrap();
    assert_eq!(facts(metadata), facts(&again));
    assert_eq!((&metadata.inputs, &metadata.outputs), (&again.inputs, &again.outputs));
}

/// A fact told as JSON means the same after it was read from JSON and told again.
fn fact<E: std::fmt::Debug>(
    json: Result<Bytes, E>,
    tell: fn(&[u8]) -> Result<Bytes, E>,
    read: fn(&[u8]) -> Result<Bytes, E>,
) {
    let Ok(json) = json else { return };
    let again = tell(&read(&json).unwrap()).unwrap();
    let tree = |json: &Bytes| serde_json::from_slice::<Value>(json).unwrap();
    assert_eq!(tree(&json), tree(&again));
}

/// All bytes of a body that is at hand, trailers or not behind them.
fn whole(mut body: Body) -> Bytes {
    let mut context = Context::from_waker(Waker::noop());
    let mut bytes = Vec::new();
    while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut context) {
        bytes.extend(frame.unwrap().into_data().unwrap_or_default());
    }
    bytes.into()
}

/// Whether two answers mean the same, to the last bit.
fn same(left: &InferResponse, right: &InferResponse) -> bool {
    let equal = |left: &Parameters, right: &Parameters| bits(left) == bits(right);
    (&left.model_name, &left.model_version, &left.id) == (&right.model_name, &right.model_version, &right.id)
        && equal(&left.parameters, &right.parameters)
        && left.outputs.len() == right.outputs.len()
        && left.outputs.iter().zip(&right.outputs).all(|(left, right)| {
            (&left.name, left.datatype(), left.shape()) == (&right.name, right.datatype(), right.shape())
                && left.data() == right.data()
                && equal(&left.parameters, &right.parameters)
        })
}

fn bits(parameters: &Parameters) -> Vec<(String, Parameter)> {
    let bits = |value: &Parameter| match value {
        Parameter::Double(value) => Parameter::String(format!("double {:x}", value.to_bits())),
        other => other.clone(),
    };
    parameters.iter().map(|(name, value)| (name.to_owned(), bits(value))).collect()
}
