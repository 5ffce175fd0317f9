//! The client side: strict in what it writes, lenient in what it reads.

use bytes::Bytes;
use sluicegate_core::{DataType, Fields, InferRequest, InferResponse, NonFinite, Parameter, RequestedOutput, Tensor};
use sluicegate_wire::Limits;
use sluicegate_wire::oip_rest::client::{self, EncodeError, WireForm};

use crate::bytes_of::{JSON_LENGTH, json_length, shown, whole};

const JSON: WireForm = WireForm { binary: false, non_finite: NonFinite::Token };
const BINARY: WireForm = WireForm { binary: true, non_finite: NonFinite::Token };

fn tensor(datatype: DataType, shape: &[u64], data: &'static [u8]) -> Tensor {
    Tensor::new("x", datatype, shape.to_vec(), Bytes::from_static(data)).unwrap()
}

fn request(input: Tensor) -> InferRequest {
    InferRequest { inputs: vec![input], ..InferRequest::default() }
}

fn decode(json: &str) -> Result<InferResponse, client::DecodeError> {
    client::decode_response(&Fields::new(), Bytes::copy_from_slice(json.as_bytes()), &Limits::default())
}

fn written(request: &InferRequest, form: &WireForm) -> Result<String, EncodeError> {
    client::encode_request(request, form).map(|(_, body)| shown(&whole(body)))
}

#[test]
fn requests_as_json_and_as_binary() {
    let mut full = request(tensor(DataType::Int16, &[2], b"\x01\0\xff\xff"));
    full.id = Some("7".into());
    full.parameters.set("priority", Parameter::Int(1));
    full.inputs[0].parameters.set("content_type", Parameter::String("np".into()));
    full.outputs.push(RequestedOutput { name: "y".into(), ..RequestedOutput::default() });
    insta::assert_snapshot!(written(&full, &JSON).unwrap(), @r#"{"id":"7","parameters":{"priority":1},"inputs":[{"name":"x","datatype":"INT16","shape":[2],"parameters":{"content_type":"np"},"data":[1,-1]}],"outputs":[{"name":"y"}]}"#);
    insta::assert_snapshot!(written(&full, &BINARY).unwrap(), @r#"{"id":"7","parameters":{"priority":1,"binary_data_output":true},"inputs":[{"name":"x","datatype":"INT16","shape":[2],"parameters":{"content_type":"np","binary_data_size":4}}],"outputs":[{"name":"y","parameters":{"binary_data":true}}]}\x01\x00\xff\xff"#);
    let (headers, _) = client::encode_request(&full, &JSON).unwrap();
    assert_eq!(headers.len(), 1);
    assert_eq!(headers.get("content-type").unwrap(), "application/json");
    let (headers, body) = client::encode_request(&full, &BINARY).unwrap();
    assert_eq!(headers.get("content-type").unwrap(), "application/octet-stream");
    let json: usize = headers.get(JSON_LENGTH).unwrap().as_str().unwrap().parse().unwrap();
    assert_eq!(json, whole(body).len() - 4);
}

#[test]
fn parameters_of_tritons_streams_are_not_for_its_rest() {
    let mut streamed = request(tensor(DataType::Bool, &[1], b"\x01"));
    streamed.parameters.set("triton_enable_empty_final_response", Parameter::Bool(true));
    streamed.parameters.set("tritone", Parameter::Int(3));
    let json = written(&streamed, &JSON).unwrap();
    assert!(json.starts_with(r#"{"parameters":{"tritone":3},"inputs""#), "{json}");
}

#[test]
fn half_floats_to_a_server_without_binary_data() {
    let half = request(tensor(DataType::Fp16, &[4], b"\x00\x3c\x66\x2e\x00\x80\xff\x7b"));
    let json = written(&half, &JSON).unwrap();
    assert!(json.ends_with(r#""data":[1.0,0.099975586,-0.0,65504.0]}]}"#), "{json}");
    let brain = request(tensor(DataType::Bf16, &[1], b"\x80\x3f"));
    let error = written(&brain, &JSON).unwrap_err();
    assert_eq!(error, EncodeError::NoJsonForm { tensor: "x".into(), datatype: DataType::Bf16 });
    assert!(written(&brain, &BINARY).is_ok());
}

#[test]
fn what_a_server_without_binary_data_cannot_take() {
    let text = request(tensor(DataType::Bytes, &[1], b"\x01\0\0\0\xff"));
    assert_eq!(written(&text, &JSON), Err(EncodeError::NotUtf8 { tensor: "x".into() }));
    assert!(written(&text, &BINARY).is_ok());
    let nan = request(tensor(DataType::Fp32, &[1], b"\0\0\xc0\x7f"));
    let with = |non_finite| written(&nan, &WireForm { binary: false, non_finite });
    assert!(with(NonFinite::Token).unwrap().ends_with("[NaN]}]}"));
    assert!(with(NonFinite::Null).unwrap().ends_with("[null]}]}"));
    assert_eq!(with(NonFinite::Reject), Err(EncodeError::NotFinite { tensor: "x".into() }));
}

#[test]
fn answers_of_other_servers_are_read() {
    let mlserver = r#"{"model_name":"iris","model_version":null,"id":"f","parameters":{"headers":null,"extra":{"a":1}},
        "outputs":[{"name":"p","shape":[2,1],"datatype":"INT64","parameters":{"content_type":"np","headers":{}},
        "data":[0,2]}]}"#;
    let response = decode(mlserver).unwrap();
    assert_eq!((response.model_name.as_str(), response.model_version, response.parameters.len()), ("iris", None, 0));
    assert_eq!(response.outputs[0].parameters.len(), 1);
    let example = r#"{"id":"42","outputs":[{"name":"o","shape":[1],"datatype":"FP32","data":[1.0]}]}"#;
    assert_eq!(decode(example).unwrap().model_name, "");
    assert_eq!(decode(r#"{"model_version":3,"outputs":[]}"#).unwrap().model_version.as_deref(), Some("3"));
}

#[test]
fn half_floats_as_mlserver_writes_them() {
    let output = |data: &str| {
        decode(&format!(r#"{{"outputs":[{{"name":"y","shape":[1],"datatype":"FP16","data":[{data}]}}]}}"#))
            .map(|response| u16::from_le_bytes(response.outputs[0].data()[..].try_into().unwrap()))
    };
    assert_eq!(output("0.0999755859375"), Ok(0x2e66));
    assert_eq!(output("-65504.0"), Ok(0xfbff));
    assert_eq!(output("5.960464477539063e-08"), Ok(1));
    assert_eq!(output("null").map(|bits| bits & 0x7e00), Ok(0x7e00));
    let error = output("70000").unwrap_err().to_string();
    assert_eq!(error, "tensor 'y': element 0: FP16 cannot hold this value: it is out of range");
}

#[test]
fn binary_answers_are_slices_in_order() {
    let json = r#"{"model_name":"m","outputs":[
        {"name":"a","datatype":"INT16","shape":[2],"parameters":{"binary_data_size":4}},
        {"name":"j","datatype":"BOOL","shape":[1],"data":[true]},
        {"name":"b","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":6}}]}"#;
    let tail = b"\x01\x00\xff\xff\x02\x00\x00\x00\xfe\xff";
    let headers = json_length(&json.len().to_string());
    let body = |tail: &[u8]| Bytes::from([json.as_bytes(), tail].concat());
    let response = client::decode_response(&headers, body(tail), &Limits::default()).unwrap();
    let data: Vec<&[u8]> = response.outputs.iter().map(|output| &output.data()[..]).collect();
    assert_eq!(data, [&tail[..4], &[1], &tail[4..]]);
    for wrong in [&tail[..9], &[tail, &b"!"[..]].concat()] {
        assert!(client::decode_response(&headers, body(wrong), &Limits::default()).is_err());
    }
}

#[test]
fn answers_that_make_no_sense_are_errors_that_name_the_part() {
    for (json, why) in [
        ("", "the JSON is wrong at byte 0: expected an inference response, a JSON object"),
        ("<html>", "the JSON is wrong at byte 0: expected an inference response, a JSON object"),
        (r#"{"model_name":"m"}"#, "the answer has no outputs"),
        (
            r#"{"outputs":[{"name":"y","shape":[3],"datatype":"FP32","data":[1]}]}"#,
            "tensor 'y': its data has fewer elements than its shape",
        ),
        (
            r#"{"outputs":[{"name":"y","shape":[-1],"datatype":"FP32","data":[1]}]}"#,
            "tensor 'y': a dimension must be a whole number from 0 on",
        ),
    ] {
        assert_eq!(decode(json).unwrap_err().to_string(), why);
    }
}

#[test]
fn descriptions_with_holes_are_read() {
    let metadata = client::decode_metadata(
        br#"{"name":"m","versions":["1"],"platform":"p","inputs":[{"name":"x","datatype":"FP32","shape":[-1,4]}],
            "outputs":null,"parameters":{},"properties":{"class_names":"[]","n":1}}"#,
    )
    .unwrap();
    assert_eq!((metadata.inputs[0].shape.as_slice(), metadata.outputs.len()), (&[-1, 4][..], 0));
    assert_eq!(metadata.properties, [("class_names".to_owned(), "[]".to_owned())]);
    let mlserver = br#"{"name":"m","versions":null,"platform":"","inputs":[],"outputs":[],"parameters":{}}"#;
    assert_eq!(client::decode_metadata(mlserver).unwrap().name, "m");
    // A tensor that cannot be read: the server says nothing of its inputs.
    for odd in [
        r#"{"name":"x","datatype":"float32","shape":[1]}"#,
        r#"{"name":"x","datatype":"FP32"}"#,
        r#"{"name":"x","datatype":"FP32","shape":[-2]}"#,
    ] {
        let json = format!(r#"{{"inputs":[{{"name":"a","datatype":"FP32","shape":[1]}},{odd}]}}"#);
        assert_eq!(client::decode_metadata(json.as_bytes()).unwrap().inputs, []);
    }
    for bad in [&b""[..], b"[]", b"null", b"<html>", "[".repeat(100_000).as_bytes()] {
        assert!(client::decode_metadata(bad).is_err());
    }
}

#[test]
fn server_extensions() {
    let triton = br#"{"name":"triton","version":"2.50","extensions":["classification","binary_tensor_data"]}"#;
    assert_eq!(client::decode_server_extensions(triton).unwrap(), ["classification", "binary_tensor_data"]);
    assert!(client::decode_server_extensions(br#"{"name":"mlserver"}"#).unwrap().is_empty());
    assert!(client::decode_server_extensions(b"no").is_err());
}

#[test]
fn health_with_and_without_a_body() {
    for (body, expected) in [
        ("", true),
        ("{}", true),
        ("OK", true),
        ("null", true),
        (r#"{"live":true}"#, true),
        (r#"{"ready":true}"#, true),
        (r#"{"live":false}"#, false),
        (r#"{"name":"m","ready":false}"#, false),
    ] {
        assert_eq!(client::decode_health(body.as_bytes()), expected, "{body}");
    }
}

#[test]
fn error_texts_of_every_server() {
    let read = |body: &str| client::decode_error(body.as_bytes());
    assert_eq!(read(r#"{"error":"no such model"}"#).as_deref(), Some("no such model"));
    assert_eq!(read(r#"{"error":{"message":"no"}}"#).as_deref(), Some("no"));
    assert_eq!(read(r#"{"detail":"Not Found"}"#).as_deref(), Some("Not Found"));
    let list = r#"{"detail":[{"loc":["body","inputs",0],"msg":"Field required","input":"secret"},{"msg":"odd"}]}"#;
    assert_eq!(read(list).as_deref(), Some("body.inputs.0: Field required; odd"));
    let torchserve = r#"{"code":404,"type":"ModelNotFoundException","message":"Model not found"}"#;
    assert_eq!(read(torchserve).as_deref(), Some("Model not found"));
    assert_eq!(read(&format!(r#"{{"error":"{}"}}"#, "é".repeat(10_000))).unwrap().chars().count(), 512);
    assert_eq!(read(r#"{"error":"a\r\nb\u0007"}"#).as_deref(), Some("a  b"));
    for nothing in ["", "<html>", "{}", r#"{"error":""}"#, r#"{"error":5}"#, r#"{"detail":[]}"#, "[]"] {
        assert_eq!(read(nothing), None, "{nothing}");
    }
}
