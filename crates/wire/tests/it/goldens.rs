//! Every datatype through both directions, text in and text out.

use bytes::Bytes;
use sluicegate_core::{InferResponse, NonFinite};
use sluicegate_wire::ReplyForm;
use sluicegate_wire::oip_rest::client::{WireForm, encode_request};

use crate::bytes_of::{input, oip, read_binary, shown, whole};

/// What a JSON tensor becomes: its bytes, the same as a model server gets it, and as a client gets it back.
fn through_json(datatype: &str, shape: &str, data: &str) -> String {
    let tensor = input(datatype, shape, data);
    let hex: Vec<String> = tensor.data().iter().map(|byte| format!("{byte:02x}")).collect();
    let request = sluicegate_core::InferRequest { inputs: vec![tensor.clone()], ..Default::default() };
    let written = |binary| {
        let form = WireForm { binary, non_finite: NonFinite::Token };
        shown(&whole(encode_request(&request, &form).unwrap().1))
    };
    let response = InferResponse { model_name: "m".into(), outputs: vec![tensor], ..InferResponse::default() };
    let answer = (oip().encode_infer)(&response, &ReplyForm::default(), NonFinite::Token).unwrap();
    format!(
        "{datatype} {shape} {data}\n  bytes  {}\n  json   {}\n  binary {}\n  answer {}\n",
        hex.join(" "),
        written(false),
        written(true),
        shown(&whole(answer.body))
    )
}

#[test]
fn every_datatype_that_json_can_carry() {
    let cases = [
        ("BOOL", "[2]", "[true,false]"),
        ("UINT8", "[2]", "[0,255]"),
        ("UINT16", "[2]", "[0,65535]"),
        ("UINT32", "[2]", "[0,4294967295]"),
        ("UINT64", "[2]", "[9007199254740993,18446744073709551615]"),
        ("INT8", "[2]", "[-128,127]"),
        ("INT16", "[2]", "[-32768,32767]"),
        ("INT32", "[2]", "[-2147483648,2147483647]"),
        ("INT64", "[3]", "[-9223372036854775808,9007199254740993,9223372036854775807]"),
        ("FP32", "[6]", "[0.1, -0.0, 1e-45, 3.4028235E+38, 16777216, 100000.0]"),
        ("FP32", "[4]", "[NaN,Infinity,-Infinity,null]"),
        ("FP64", "[5]", "[0.1,-0.0,5e-324,1.7976931348623157e308,1e21]"),
        ("FP64", "[4]", "[NaN,Infinity,-Infinity,null]"),
        ("BYTES", "[2,2]", r#"[["","é\u0000"],["\ud83d\ude00","a\"\\\n"]]"#),
        ("INT8", "[0]", "[]"),
        ("INT8", "[]", "[5]"),
    ];
    let text: Vec<String> = cases.iter().map(|(datatype, shape, data)| through_json(datatype, shape, data)).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn half_floats_as_binary_data() {
    let json = r#"{"inputs":[
        {"name":"f","shape":[2],"datatype":"FP16","parameters":{"binary_data_size":4}},
        {"name":"b","shape":[1],"datatype":"BF16","parameters":{"binary_data_size":2}}]}"#;
    let (request, _) = read_binary(json, b"\x00\x3c\x00\x7e\x80\x3f").unwrap();
    let (_, body) = encode_request(&request, &WireForm { binary: true, non_finite: NonFinite::Reject }).unwrap();
    let response = InferResponse { model_name: "m".into(), outputs: request.inputs, ..InferResponse::default() };
    let answer = (oip().encode_infer)(&response, &ReplyForm::binary(), NonFinite::Reject).unwrap();
    let text = format!("request {}\nanswer  {}", shown(&whole(body)), shown(&whole(answer.body)));
    insta::assert_snapshot!(text);
}

#[test]
fn examples_of_the_binary_extension() {
    let json = r#"{ "model_name" : "mymodel", "inputs" : [
        { "name" : "input0", "shape" : [ 2, 2 ], "datatype" : "UINT32", "parameters" : { "binary_data_size" : 16 } },
        { "name" : "input1", "shape" : [ 3 ], "datatype" : "BOOL", "parameters" : { "binary_data_size" : 3 } } ],
        "outputs" : [ { "name" : "output0", "parameters" : { "binary_data" : true } } ] }"#;
    let tail: Vec<u8> = [1_u32, 2, 3, 4].iter().flat_map(|value| value.to_le_bytes()).chain([1, 0, 1]).collect();
    let (request, form) = read_binary(json, &tail).unwrap();
    assert_eq!(request.inputs[0].data()[..], tail[..16]);
    assert_eq!(request.inputs[1].data()[..], [1, 0, 1]);
    let output =
        sluicegate_core::Tensor::new("output0", sluicegate_core::DataType::Fp32, vec![3, 2], Bytes::from(vec![0; 24]))
            .unwrap();
    let response = InferResponse { model_name: "mymodel".into(), outputs: vec![output], ..InferResponse::default() };
    let answer = (oip().encode_infer)(&response, &form, NonFinite::Token).unwrap();
    let json: usize = answer.headers.get("inference-header-content-length").unwrap().as_str().unwrap().parse().unwrap();
    let body = whole(answer.body);
    assert_eq!(body.len(), json + 24);
    assert!(body[..json].ends_with(br#""parameters":{"binary_data_size":24}}]}"#));
}
