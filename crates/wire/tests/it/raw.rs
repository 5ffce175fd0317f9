//! Raw binary requests: tensor bytes alone.

use bytes::Bytes;
use sluicegate_core::{
    DataType, InferRequest, InferResponse, ModelMetadata, NonFinite, Refusal, Tensor, TensorMetadata,
};
use sluicegate_wire::{Limits, ReplyForm};

use crate::bytes_of::{JSON_LENGTH, json_length, oip};

fn raw(inputs: &[(DataType, &[i64])], body: &[u8]) -> Result<(InferRequest, ReplyForm), Refusal> {
    let tensor = |(datatype, shape): &(DataType, &[i64])| TensorMetadata {
        name: "x".into(),
        datatype: *datatype,
        shape: shape.to_vec(),
    };
    let metadata = ModelMetadata { inputs: inputs.iter().map(tensor).collect(), ..ModelMetadata::default() };
    let headers = json_length("0");
    assert!((oip().needs_metadata)(&headers));
    (oip().decode_infer)(&headers, Bytes::copy_from_slice(body), Some(&metadata), &Limits::default())
}

fn refused(inputs: &[(DataType, &[i64])], body: &[u8]) -> String {
    raw(inputs, body).unwrap_err().to_string()
}

#[test]
fn the_one_variable_dimension_follows_from_the_length() {
    for (shape, length, expected) in [
        (&[-1, 4][..], 32, vec![2, 4]),
        (&[-1, 4], 0, vec![0, 4]),
        (&[2, 4], 32, vec![2, 4]),
        (&[3, -1], 36, vec![3, 3]),
        (&[-1, -1], 20, vec![1, 5]),
        (&[-1, 2, -1], 24, vec![1, 2, 3]),
        (&[], 4, vec![]),
        (&[-1, 0], 0, vec![0, 0]),
    ] {
        let (request, form) = raw(&[(DataType::Fp32, shape)], &vec![0; length]).unwrap();
        let [input] = &request.inputs[..] else { panic!("one input") };
        assert_eq!((input.name.as_str(), input.shape()), ("x", &expected[..]), "{shape:?}");
        assert_eq!(form, ReplyForm::binary());
    }
}

#[test]
fn lengths_and_shapes_that_do_not_fit_are_refused() {
    assert_eq!(
        refused(&[(DataType::Fp32, &[-1, 4])], &[0; 33]),
        "invalid_tensor: tensor 'x': the body's length is no multiple of what its fixed dimensions need"
    );
    assert_eq!(
        refused(&[(DataType::Fp32, &[4, -1, -1])], &[0; 32]),
        "invalid_tensor: tensor 'x': its shape cannot be deduced: it has more than one variable dimension"
    );
    assert_eq!(
        refused(&[(DataType::Fp32, &[2])], &[0; 16]),
        "invalid_tensor: tensor 'x': FP32 of shape [2] needs 8 bytes, got 16"
    );
    assert_eq!(
        refused(&[(DataType::Fp64, &[i64::MAX, i64::MAX, -1])], &[0; 8]),
        "invalid_tensor: tensor 'x': its fixed dimensions have more elements than can be addressed"
    );
    let zero_row = refused(&[(DataType::Fp32, &[-1, 0])], &[0; 4]);
    assert!(zero_row.contains("no multiple"), "{zero_row}");
}

#[test]
fn bytes_are_one_element_with_a_prefix_made_here() {
    for shape in [&[1][..], &[-1, 1], &[-1]] {
        let (request, _) = raw(&[(DataType::Bytes, shape)], b"427").unwrap();
        assert_eq!(request.inputs[0].data()[..], *b"\x03\0\0\x00427");
        assert_eq!(request.inputs[0].elements(), 1);
    }
    assert_eq!(
        refused(&[(DataType::Bytes, &[-1, 2])], b"427"),
        "invalid_tensor: tensor 'x': a raw binary request for BYTES needs an input of one element"
    );
}

#[test]
fn a_model_without_exactly_one_described_input_is_refused() {
    let two = refused(&[(DataType::Fp32, &[1]), (DataType::Fp32, &[1])], &[0; 4]);
    assert!(two.starts_with("bad_request: a raw binary request needs a model with a single input"), "{two}");
    let none = refused(&[], &[0; 4]);
    assert!(none.starts_with("bad_request: a raw binary request needs a model whose metadata"), "{none}");
    let absent = (oip().decode_infer)(&json_length("0"), Bytes::new(), None, &Limits::default()).unwrap_err();
    assert_eq!(absent.to_string(), none);
}

#[test]
fn every_output_comes_back_binary() {
    let (_, form) = raw(&[(DataType::Fp32, &[1])], &[0; 4]).unwrap();
    let output = Tensor::new("y", DataType::Int8, vec![1], Bytes::from_static(b"\x07")).unwrap();
    let response = InferResponse { model_name: "m".into(), outputs: vec![output], ..InferResponse::default() };
    let answer = (oip().encode_infer)(&response, &form, NonFinite::Token).unwrap();
    assert!(answer.headers.contains(JSON_LENGTH));
    assert_eq!(answer.headers.get("content-type").unwrap(), "application/octet-stream");
}
