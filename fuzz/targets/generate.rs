//! Requests and answers by values alone: whatever the bytes, they are refused or fit what the model describes; what was
//! read is written and read again to the same.
//!
//! A corpus file is JSON: a request to, or an event of, the model of `described`.

use bytes::Bytes;
use sluicegate_core::{
    Body, DataType, FINAL, Fields, InferResponse, ModelMetadata, NonFinite, Parameters, Protocol, Refusal,
    TensorMetadata,
};
use sluicegate_wire::oip_rest::client::{Generated, decode_generated, encode_generate};
use sluicegate_wire::{GenerateCodec, Limits, ReplyForm, codec};

/// Reads `data` as a request and as an answer.
pub fn run(data: &[u8]) {
    let (data, metadata, limits) = (Bytes::copy_from_slice(data), described(), Limits::default());
    request(&data, &metadata, &limits);
    answer(&data, &metadata, &limits);
}

/// A model with an input and an output of every datatype and kind of shape.
fn described() -> ModelMetadata {
    let shapes: [&[i64]; 5] = [&[1], &[-1], &[-1, 2], &[], &[2, -1, 3]];
    let tensor = |(index, datatype): (usize, DataType)| TensorMetadata {
        name: datatype.as_str().to_lowercase(),
        datatype,
        shape: shapes[index % shapes.len()].to_vec(),
    };
    let list = |all: bool| -> Vec<TensorMetadata> {
        let half = |datatype: &DataType| matches!(datatype, DataType::Fp16 | DataType::Bf16);
        DataType::ALL.into_iter().filter(|datatype| all || !half(datatype)).enumerate().map(tensor).collect()
    };
    ModelMetadata { name: "m".into(), inputs: list(true), outputs: list(false), ..ModelMetadata::default() }
}

fn request(data: &Bytes, metadata: &ModelMetadata, limits: &Limits) {
    let GenerateCodec { decode, .. } = codec(Protocol::OipRest).generate.unwrap();
    let headers = Fields::new();
    let request = match decode(&headers, data, metadata, limits) {
        Ok(request) => request,
        Err(Refusal { public, .. }) => return assert!(!public.is_empty()),
    };
    for input in &request.inputs {
        let described = metadata.inputs.iter().find(|described| described.name == input.name).unwrap();
        assert_eq!((described.datatype, described.shape.len()), (input.datatype(), input.shape().len()));
    }
    // What a server would not understand as it is meant is not written.
    let Ok((_, body)) = encode_generate(&request, metadata, NonFinite::Token) else { return };
    let Body::Full(written) = body else { panic!("a whole body") };
    let again = decode(&headers, &written, metadata, limits).unwrap();
    // Not compared: a NaN among parameters does not exist, but one among values does not equal itself.
    assert_eq!(format!("{request:?}"), format!("{again:?}"));
}

fn answer(data: &Bytes, metadata: &ModelMetadata, limits: &Limits) {
    let read = |data: &Bytes| match decode_generated(data, metadata, &[], limits) {
        Ok(Generated::Answer(response)) => Some(response),
        Ok(Generated::Error(_)) | Err(_) => None,
    };
    let Some(response) = read(data) else { return };
    let GenerateCodec { stream, .. } = codec(Protocol::OipRest).generate.unwrap();
    let Ok(pieces) = (stream.item)(&response, &ReplyForm::default(), NonFinite::Token) else { return };
    let event = pieces.concat();
    let json = event.strip_prefix(b"data: ").and_then(|event| event.strip_suffix(b"\n\n")).unwrap();
    assert!(!json.contains(&b'\n'), "an event is one line");
    let again = read(&Bytes::copy_from_slice(json)).unwrap();
    assert_eq!(in_order(response), in_order(again));
}

/// An answer as text, its parameters by name: members are written in order. That it is the last is not written.
fn in_order(mut response: InferResponse) -> String {
    response.parameters.remove(FINAL);
    let mut parameters: Vec<String> = response.parameters.iter().map(|member| format!("{member:?}")).collect();
    parameters.sort();
    response.parameters = Parameters::new();
    format!("{response:?} {parameters:?}")
}
