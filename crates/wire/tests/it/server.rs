//! The server side: what good requests mean, and how answers are written.

use std::time::Duration;

use bytes::Bytes;
use sluicegate_core::{
    Body, DataType, Fields, InferResponse, Kind, ModelMetadata, NonFinite, Parameter, Refusal, Tensor, TensorMetadata,
};
use sluicegate_wire::{Limits, PROTOCOLS, ReplyForm, codec};

use crate::bytes_of::{input, oip, read, read_binary, show};

fn answer(outputs: Vec<Tensor>) -> InferResponse {
    InferResponse { model_name: "m".into(), outputs, ..InferResponse::default() }
}

fn floats(values: &[f32]) -> Tensor {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor::new("y", DataType::Fp32, vec![values.len() as u64], data.into()).unwrap()
}

#[test]
fn every_field_is_read_and_unknown_ones_ignored() {
    let json = r#"{"model_name":"other","x":[{"y":null}],"id":"42",
        "parameters":{"s":"t\n","b":false,"i":-9223372036854775808,"u":18446744073709551615,"d":0.1,"n":null,
            "binary_data_output":true},
        "inputs":[{"name":"a","shape":[1],"datatype":"INT8","parameters":{"content_type":"np"},"data":[1],"z":{}}],
        "outputs":[{"name":"p","parameters":{"classification":3,"binary_data":false}},{"name":"q"}]}"#;
    let (request, form) = read(json).unwrap();
    assert_eq!(request.id.as_deref(), Some("42"));
    let parameters: Vec<_> = request.parameters.iter().collect();
    assert_eq!(
        parameters,
        [
            ("s", &Parameter::String("t\n".into())),
            ("b", &Parameter::Bool(false)),
            ("i", &Parameter::Int(i64::MIN)),
            ("u", &Parameter::Uint(u64::MAX)),
            ("d", &Parameter::Double(0.1)),
        ]
    );
    assert_eq!(request.inputs[0].parameters.get("content_type"), Some(&Parameter::String("np".into())));
    let outputs: Vec<_> =
        request.outputs.iter().map(|output| (output.name.as_str(), output.parameters.len())).collect();
    assert_eq!(outputs, [("p", 1), ("q", 0)]);
    assert_eq!(["p", "q", "other"].map(|name| form.is_binary(name)), [false, true, true]);
}

#[test]
fn null_stands_for_an_optional_field_that_is_not_given() {
    let json = r#"{"id":null,"parameters":null,"outputs":null,
        "inputs":[{"name":"a","shape":[1],"datatype":"BOOL","parameters":null,"data":[true]}]}"#;
    let (request, form) = read(json).unwrap();
    assert_eq!((request.id, request.parameters.len(), request.outputs.len()), (None, 0, 0));
    assert_eq!(form, ReplyForm::default());
}

#[test]
fn nested_and_flat_data_mean_the_same() {
    let flat = input("INT8", "[2,1,3]", "[1,2,3,-128,127,0]");
    assert_eq!(input("INT8", "[2,1,3]", "[[[1,2,3]],[[-128,127,0]]]"), flat);
    assert_eq!(flat.data()[..], [1, 2, 3, 128, 127, 0]);
    let words = input("BYTES", "[2,2]", r#"[["a",""],["b","c"]]"#);
    assert_eq!(words, input("BYTES", "[2,2]", r#"["a","","b","c"]"#));
}

#[test]
fn members_of_a_tensor_may_come_in_any_order() {
    let expected = input("FP64", "[2,2]", "[[1.5,NaN],[Infinity,-Infinity]]");
    let json = r#"{"inputs":[{"data":[[1.5,NaN],[Infinity,-Infinity]],"datatype":"FP64","shape":[2,2],"name":"x"}]}"#;
    assert_eq!(read(json).unwrap().0.inputs[0].data(), expected.data());
}

#[test]
fn empty_tensors_and_scalars() {
    assert_eq!(input("FP32", "[0]", "[]").elements(), 0);
    assert_eq!(input("FP32", "[0,18446744073709551615]", "[]").elements(), 0);
    assert_eq!(input("FP32", "[2,0]", "[[],[]]").elements(), 0);
    assert_eq!(input("BYTES", "[0]", "[]").elements(), 0);
    assert_eq!(input("INT8", "[]", "[7]").data()[..], [7]);
    assert_eq!(input("INT8", "[]", "7").data()[..], [7]);
    let json = r#"{"inputs":[{"name":"x","shape":[0],"datatype":"FP32","parameters":{"binary_data_size":0}}]}"#;
    assert_eq!(read_binary(json, b"").unwrap().0.inputs[0].elements(), 0);
}

#[test]
fn floats_are_rounded_once_and_keep_their_sign() {
    let bits = |text: &str| {
        let tensor = input("FP32", "[1]", &format!("[{text}]"));
        u32::from_le_bytes(tensor.data()[..].try_into().unwrap())
    };
    // Read as a double first, this one would round to the even neighbour.
    let between = "1.00000017881393432617187499999999999";
    assert_eq!(bits(between), 0x3f80_0001);
    let middle = "1.000000178813934326171875";
    assert_eq!(between.parse::<f64>(), middle.parse::<f64>());
    assert_eq!(bits(middle), 0x3f80_0002);
    assert_eq!(bits("-0.0"), 0x8000_0000);
    assert_eq!(bits("-0"), 0x8000_0000);
    assert_eq!(bits("1e-45"), 1);
    assert_eq!(bits("1e-400"), 0);
    assert_eq!(bits("3.4028235e38"), f32::MAX.to_bits());
    assert_eq!(bits("16777217"), 16_777_216_f32.to_bits());
    assert_eq!(bits("null"), f32::NAN.to_bits());
    assert_eq!(bits("NaN"), f32::NAN.to_bits());
    assert_eq!(bits("-Infinity"), f32::NEG_INFINITY.to_bits());
}

#[test]
fn booleans_may_be_numbers() {
    assert_eq!(input("BOOL", "[4]", "[true,false,1,0]").data()[..], [1, 0, 1, 0]);
}

#[test]
fn strings_keep_every_character() {
    let tensor = input("BYTES", "[4]", r#"["","a\u0000b","\ud83d\ude00é","\"\\\/\b\f\n\r\t"]"#);
    let found: Vec<Bytes> = tensor.bytes_elements().collect();
    assert_eq!(found, [&b""[..], b"a\0b", "😀é".as_bytes(), b"\"\\/\x08\x0c\n\r\t"]);
}

#[test]
fn half_floats_in_json_are_refused_with_the_way_out() {
    for datatype in ["FP16", "BF16"] {
        let reason = crate::bytes_of::refused(datatype, "[1]", "[1]");
        assert_eq!(
            reason,
            format!(
                "invalid_tensor: tensor 'x': {datatype} has no JSON form; send it with the binary tensor data extension (binary_data_size)"
            )
        );
    }
}

#[test]
fn binary_and_json_tensors_mixed_share_the_body_without_a_copy() {
    let json = r#"{"inputs":[
        {"name":"h","shape":[2],"datatype":"FP16","parameters":{"binary_data_size":4,"k":1}},
        {"name":"j","shape":[1],"datatype":"INT8","data":[1]},
        {"name":"b","shape":[1],"datatype":"BF16","parameters":{"binary_data_size":2}},
        {"name":"s","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":10}}]}"#;
    let tail = b"\x00\x3c\x00\x7e\x80\x3f\x02\0\0\0\xff\x00\0\0\0\0";
    let body = Bytes::from([json.as_bytes(), tail].concat());
    let headers = crate::bytes_of::json_length(&json.len().to_string());
    let (request, _) = (oip().decode_infer)(&headers, body.clone(), None, &Limits::default()).unwrap();
    let data: Vec<&[u8]> = request.inputs.iter().map(|input| &input.data()[..]).collect();
    assert_eq!(data, [&tail[..4], &[1], &tail[4..6], &tail[6..]]);
    let inside = |bytes: &[u8]| body.as_ptr_range().contains(&bytes.as_ptr());
    assert_eq!([0, 1, 2, 3].map(|index: usize| inside(data[index])), [true, false, true, true]);
    assert_eq!(request.inputs[0].parameters.get("binary_data_size"), None);
    assert_eq!(request.inputs[0].parameters.get("k"), Some(&Parameter::Int(1)));
}

#[test]
fn metadata_is_needed_for_raw_requests_alone() {
    assert!(!(oip().needs_metadata)(&Fields::new()));
    assert!(!(oip().needs_metadata)(&crate::bytes_of::json_length("10")));
    assert!((oip().needs_metadata)(&crate::bytes_of::json_length("0")));
}

#[test]
fn answers_are_written_as_asked() {
    let json = r#"{"inputs":[],"parameters":{"binary_data_output":true},
        "outputs":[{"name":"a","parameters":{"binary_data":false}},{"name":"y"}]}"#;
    let (_, form) = read(json).unwrap();
    let mut plain = floats(&[0.1, -0.0]);
    plain.name = "a".into();
    let mut response = answer(vec![plain, floats(&[1.0, 2.0])]);
    response.model_version = Some("3".into());
    response.id = Some("quote \" and \u{1}".into());
    response.parameters.set("p", Parameter::Uint(u64::MAX));
    let outbound = (oip().encode_infer)(&response, &form, NonFinite::Token).unwrap();
    let Body::Pieces(pieces) = &outbound.body else { panic!("head and tensor in pieces") };
    assert_eq!(pieces[1].as_ptr(), response.outputs[1].data().as_ptr());
    insta::assert_snapshot!(show(outbound), @r#"
    200
    content-type: application/octet-stream
    inference-header-content-length: 257
    {"model_name":"m","model_version":"3","id":"quote \" and \u0001","parameters":{"p":18446744073709551615},"outputs":[{"name":"a","datatype":"FP32","shape":[2],"data":[0.1,-0.0]},{"name":"y","datatype":"FP32","shape":[2],"parameters":{"binary_data_size":8}}]}\x00\x00\x80?\x00\x00\x00@
    "#);
}

#[test]
fn a_plain_answer_is_json() {
    let outbound = (oip().encode_infer)(&answer(vec![]), &ReplyForm::default(), NonFinite::Token).unwrap();
    insta::assert_snapshot!(show(outbound), @r#"
    200
    content-type: application/json
    {"model_name":"m","outputs":[]}
    "#);
}

#[test]
fn non_finite_numbers_by_policy() {
    let write = |values: &[f32], policy| {
        (oip().encode_infer)(&answer(vec![floats(values)]), &ReplyForm::default(), policy).map(show)
    };
    let data = |text: &str| text.split_once("\"data\":").unwrap().1.trim_end_matches("}]}").to_owned();
    let all = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    assert_eq!(data(&write(&all, NonFinite::Token).unwrap()), "[NaN,Infinity,-Infinity]");
    assert_eq!(data(&write(&[f32::NAN, 1.0], NonFinite::Null).unwrap()), "[null,1.0]");
    for (values, policy) in
        [(&all[1..2], NonFinite::Null), (&all[2..], NonFinite::Null), (&all[..1], NonFinite::Reject)]
    {
        let refusal = write(values, policy).unwrap_err();
        assert_eq!(refusal.kind, Kind::UpstreamFault);
        assert!(refusal.public.starts_with("tensor 'y': the model answered NaN or an infinity"), "{refusal}");
    }
    // Binary data carries them whatever the policy.
    let outbound = (oip().encode_infer)(&answer(vec![floats(&all)]), &ReplyForm::binary(), NonFinite::Reject);
    assert!(outbound.is_ok());
}

#[test]
fn outputs_that_json_cannot_carry_are_refused_with_the_way_out() {
    let write = |datatype, data: &'static [u8]| {
        let output = Tensor::new("y", datatype, vec![1], Bytes::from_static(data)).unwrap();
        (oip().encode_infer)(&answer(vec![output]), &ReplyForm::default(), NonFinite::Token).unwrap_err().to_string()
    };
    let ask = "ask for it as binary data (binary_data)";
    assert_eq!(write(DataType::Fp16, b"\0\0"), format!("invalid_tensor: tensor 'y': FP16 has no JSON form; {ask}"));
    assert_eq!(write(DataType::Bf16, b"\0\0"), format!("invalid_tensor: tensor 'y': BF16 has no JSON form; {ask}"));
    let bytes = write(DataType::Bytes, b"\x01\0\0\0\xff");
    assert_eq!(bytes, format!("invalid_tensor: tensor 'y': a BYTES element is not UTF-8; {ask}"));
}

#[test]
fn descriptions_and_health() {
    let tensor =
        |name: &str, datatype, shape: &[i64]| TensorMetadata { name: name.into(), datatype, shape: shape.into() };
    let bare = ModelMetadata { name: "m".into(), ..ModelMetadata::default() };
    let full = ModelMetadata {
        name: "iris".into(),
        versions: vec!["1".into(), "2".into()],
        platform: "onnx_tract".into(),
        inputs: vec![tensor("x", DataType::Fp32, &[-1, 4])],
        outputs: vec![tensor("label", DataType::Bytes, &[-1])],
        properties: vec![("class_names".into(), r#"["a","b"]"#.into())],
    };
    let shown = [
        show((oip().encode_model_metadata)(&bare)),
        show((oip().encode_model_metadata)(&full)),
        show((oip().encode_server_metadata)("0.1.0")),
        show((oip().encode_model_ready)("iris", true)),
        show((oip().encode_model_ready)("iris", false)),
        show((oip().encode_server_live)(true)),
        show((oip().encode_server_ready)(false)),
    ]
    .join("\n\n");
    insta::assert_snapshot!(shown, @r#"
    200
    content-type: application/json
    {"inputs":[],"name":"m","outputs":[],"platform":""}

    200
    content-type: application/json
    {"inputs":[{"datatype":"FP32","name":"x","shape":[-1,4]}],"name":"iris","outputs":[{"datatype":"BYTES","name":"label","shape":[-1]}],"platform":"onnx_tract","properties":{"class_names":"[\"a\",\"b\"]"},"versions":["1","2"]}

    200
    content-type: application/json
    {"extensions":["binary_tensor_data","classification","model_configuration","model_repository","parameters","schedule_policy","sequence","sequence(string_id)","statistics"],"name":"sluicegate","version":"0.1.0"}

    200
    content-type: application/json
    {"name":"iris","ready":true}

    503
    content-type: application/json
    {"name":"iris","ready":false}

    200
    content-type: application/json
    {"live":true}

    503
    content-type: application/json
    {"ready":false}
    "#);
}

#[test]
fn refusals_carry_status_text_and_retry_advice_but_no_cause() {
    let refusal = Refusal::new(Kind::Overloaded, "no \"room\"").because("secret").after(Some(Duration::from_secs(7)));
    insta::assert_snapshot!(show((oip().encode_refusal)(&refusal)), @r#"
    503
    content-type: application/json
    retry-after: 7
    {"error":"no \"room\""}
    "#);
    for kind in Kind::ALL {
        let answer = (oip().encode_refusal)(&Refusal::new(*kind, "text"));
        assert_eq!(answer.status.as_u16(), kind.facts().http, "{kind:?}");
    }
}

#[test]
fn the_table_holds_every_protocol_once() {
    for protocol in sluicegate_core::Protocol::ALL {
        assert_eq!(codec(protocol).protocol, protocol);
        let listed = PROTOCOLS.iter().filter(|codec| codec.protocol == protocol).count();
        assert_eq!(listed, 1, "{protocol:?}");
    }
}
