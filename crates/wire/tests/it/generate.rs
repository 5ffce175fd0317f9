//! Requests and answers by values alone: Triton's generate extension, as a server and as a client of one.

use bytes::Bytes;
use http::Method;
use sluicegate_core::{
    ASK_FINAL, Body, DataType, FINAL, Fields, InferRequest, InferResponse, Kind, ModelMetadata, NonFinite, Operation,
    Parameter, Protocol, Refusal, RequestedOutput, Tensor, TensorMetadata,
};
use sluicegate_wire::oip_rest::client::{Generated, decode_generated, encode_generate};
use sluicegate_wire::{GenerateCodec, Limits, ReplyForm, codec};

use crate::bytes_of::oip;

fn generate() -> GenerateCodec {
    codec(Protocol::OipRest).generate.unwrap()
}

fn described(tensors: &[(&str, DataType, &[i64])]) -> Vec<TensorMetadata> {
    let one = |(name, datatype, shape): &(&str, DataType, &[i64])| TensorMetadata {
        name: (*name).to_owned(),
        datatype: *datatype,
        shape: shape.to_vec(),
    };
    tensors.iter().map(one).collect()
}

/// A model that makes tokens of a prompt, and one thing of every other kind.
fn model() -> ModelMetadata {
    ModelMetadata {
        name: "m".into(),
        inputs: described(&[
            ("prompt", DataType::Bytes, &[1]),
            ("count", DataType::Int64, &[1]),
            ("big", DataType::Uint64, &[-1]),
            ("small", DataType::Uint8, &[-1]),
            ("rows", DataType::Fp32, &[-1, 2]),
            ("half", DataType::Fp16, &[-1]),
        ]),
        outputs: described(&[
            ("token", DataType::Bytes, &[1]),
            ("index", DataType::Int32, &[1]),
            ("rows", DataType::Fp32, &[-1, 2]),
        ]),
        ..ModelMetadata::default()
    }
}

fn read(text: &str) -> Result<InferRequest, Refusal> {
    (generate().decode)(&Fields::new(), &Bytes::copy_from_slice(text.as_bytes()), &model(), &Limits::default())
}

fn refused(text: &str) -> String {
    match read(text) {
        Ok(request) => panic!("{text} was taken: {request:?}"),
        Err(refusal) => refusal.to_string(),
    }
}

fn text(body: Body) -> String {
    let Body::Full(bytes) = body else { panic!("a body at hand: {body:?}") };
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn paths() {
    for (path, operation, version) in [
        ("/v2/models/m/generate", Operation::Generate, None),
        ("/v2/models/m/generate_stream", Operation::GenerateStream, None),
        ("/v2/models/m/versions/2/generate", Operation::Generate, Some("2")),
        ("/v2/models/m/versions/2/generate_stream", Operation::GenerateStream, Some("2")),
    ] {
        let asked = (oip().ask)(&Method::POST, path).unwrap().unwrap();
        assert_eq!(
            (asked.operation, asked.model.as_deref(), asked.version.as_deref()),
            (operation, Some("m"), version)
        );
        assert_eq!((oip().ask)(&Method::GET, path).unwrap().unwrap_err().kind, Kind::MethodNotAllowed);
    }
}

#[test]
fn values_become_tensors_and_parameters() {
    let request = read(
        r#"{"id":"x","prompt":"a \u00e4","count":[9007199254740993],"temperature":0.5,
            "parameters":{"rows":[1,2,3,4],"big":18446744073709551615,"stream":true,"top":9,"name":"n"}}"#,
    )
    .unwrap();
    assert_eq!(request.id.as_deref(), Some("x"));
    let shapes: Vec<(&str, &[u64])> = request.inputs.iter().map(|input| (input.name.as_str(), input.shape())).collect();
    assert_eq!(shapes, [("prompt", &[1][..]), ("count", &[1]), ("rows", &[2, 2]), ("big", &[1])]);
    assert_eq!(request.inputs[0].data(), &Bytes::from_static(b"\x04\0\0\0a \xc3\xa4"));
    assert_eq!(request.inputs[1].data(), &9_007_199_254_740_993_i64.to_le_bytes()[..]);
    assert_eq!(request.inputs[3].data(), &u64::MAX.to_le_bytes()[..]);
    let parameters: Vec<(&str, &Parameter)> = request.parameters.iter().collect();
    assert_eq!(
        parameters,
        [
            ("temperature", &Parameter::Double(0.5)),
            ("stream", &Parameter::Bool(true)),
            ("top", &Parameter::Int(9)),
            ("name", &Parameter::String("n".into())),
        ]
    );
}

#[test]
fn the_wish_to_hear_of_the_end_is_for_other_protocols() {
    let request = read(&format!(r#"{{"prompt":"a","{ASK_FINAL}":true}}"#)).unwrap();
    assert!(request.parameters.is_empty());
}

#[test]
fn what_cannot_be_taken_is_refused_by_name() {
    for (text, why) in [
        (
            r#"{"prompt":["a","b"]}"#,
            "tensor 'prompt': its 2 values make no tensor of the shape [1] that the model describes",
        ),
        (
            r#"{"rows":[1,2,3]}"#,
            "tensor 'rows': its 3 values make no tensor of the shape [-1, 2] that the model describes",
        ),
        (r#"{"rows":[[1,2]]}"#, "tensor 'rows': it must be one value or a flat list of values"),
        (r#"{"prompt":5}"#, "tensor 'prompt': element 0: BYTES must be a string"),
        (r#"{"count":1.5}"#, "tensor 'count': element 0: INT64 must be a number without fraction or exponent"),
        (r#"{"small":[1,256]}"#, "tensor 'small': element 1: UINT8 cannot hold this value: it is out of range"),
        (r#"{"half":[1]}"#, "tensor 'half': FP16 has no JSON form; use infer with binary data"),
        (r#"{"prompt":"a","parameters":{"prompt":"b"}}"#, "tensor 'prompt': it is given twice"),
        (r#"{"prompt":"a","prompt":"b"}"#, "a key is given twice in one object"),
        (r#"{"x":1,"parameters":{"x":2}}"#, "a parameter is given twice"),
        (r#"{"x":{"y":1}}"#, "a parameter must be a string, a number or a boolean"),
        (r#"{"x":[1]}"#, "a parameter must be a string, a number or a boolean"),
        (r#"{"x":null}"#, "a parameter must be a string, a number or a boolean"),
        (r#"{"x":18446744073709551616}"#, "a parameter's integer does not fit 64 bits"),
        (r#"{"parameters":[1]}"#, "'parameters' must be an object"),
        (r#"{"id":5}"#, "expected a string"),
        (r#"{"prompt":"#, "the text ends too early"),
        (r#"{"prompt":"a"}{}"#, "something follows the end of the JSON"),
        ("", "expected the inputs, a JSON object"),
    ] {
        assert!(refused(text).ends_with(why), "{text}: {}", refused(text));
    }
    let many: String = (0..65).map(|index| format!(r#","p{index}":1"#)).collect();
    assert!(refused(&format!(r#"{{"prompt":"a"{many}}}"#)).ends_with("too many parameters"));
    let undescribed =
        (generate().decode)(&Fields::new(), &Bytes::from_static(b"{}"), &ModelMetadata::default(), &Limits::default());
    assert!(undescribed.unwrap_err().public.contains("does not describe its inputs"));
}

fn tensor(name: &str, datatype: DataType, shape: &[u64], data: &[u8]) -> Tensor {
    Tensor::new(name, datatype, shape.to_vec(), Bytes::copy_from_slice(data)).unwrap()
}

fn answer(outputs: Vec<Tensor>) -> InferResponse {
    InferResponse { model_name: "m".into(), model_version: Some("1".into()), outputs, ..InferResponse::default() }
}

#[test]
fn answers_are_written_as_triton_writes_them() {
    let mut response = answer(vec![
        tensor("token", DataType::Bytes, &[1], b"\x03\0\0\0a 0"),
        tensor("rows", DataType::Fp32, &[1, 2], &[0, 0, 0, 0x3f, 0, 0, 0xc0, 0x7f]),
        tensor("none", DataType::Int8, &[0], b""),
        tensor("scalar", DataType::Uint64, &[], &u64::MAX.to_le_bytes()),
    ]);
    response.id = Some("x".into());
    response.parameters.set("sequence_start", Parameter::Bool(false));
    response.parameters.set(FINAL, Parameter::Bool(true));
    let expected = r#"{"id":"x","model_name":"m","model_version":"1","none":[],"rows":[0.5,NaN],"scalar":18446744073709551615,"sequence_start":false,"token":"a 0"}"#;
    let whole = (generate().encode)(&response, NonFinite::Token).unwrap();
    assert_eq!(whole.headers.get("content-type").unwrap(), "application/json");
    assert_eq!(text(whole.body), expected);
    let event = (generate().stream.item)(&response, &ReplyForm::default(), NonFinite::Token).unwrap().concat();
    assert_eq!(String::from_utf8(event).unwrap(), format!("data: {expected}\n\n"));
    let refusal = (generate().stream.refusal)(&Refusal::new(Kind::UpstreamFault, "a\n\"b\""), None);
    assert_eq!(&refusal[..], b"data: {\"error\":\"a\\n\\\"b\\\"\"}\n\n");
    assert_eq!((generate().stream.head)().headers.get("content-type").unwrap(), "text/event-stream; charset=utf-8");
}

#[test]
fn answers_without_a_form_are_refused() {
    for (response, policy, why) in [
        (
            answer(vec![tensor("half", DataType::Fp16, &[1], &[0, 0])]),
            NonFinite::Token,
            "tensor 'half': FP16 has no JSON form",
        ),
        (
            answer(vec![tensor("raw", DataType::Bytes, &[1], b"\x01\0\0\0\xff")]),
            NonFinite::Token,
            "'raw': a BYTES element is not UTF-8",
        ),
        (
            answer(vec![tensor("f", DataType::Fp32, &[1], &[0, 0, 0xc0, 0x7f])]),
            NonFinite::Reject,
            "'f': the model answered NaN",
        ),
        (
            answer(vec![tensor("model_name", DataType::Bool, &[1], &[1])]),
            NonFinite::Token,
            "two things by the name 'model_name'",
        ),
    ] {
        let refusal = (generate().encode)(&response, policy).unwrap_err();
        assert!(refusal.public.contains(why), "{}", refusal.public);
    }
}

fn request(inputs: Vec<Tensor>) -> InferRequest {
    InferRequest { inputs, ..InferRequest::default() }
}

fn prompt() -> Tensor {
    tensor("prompt", DataType::Bytes, &[1], b"\x01\0\0\0a")
}

#[test]
fn requests_are_written_for_a_server() {
    let mut request = request(vec![prompt(), tensor("rows", DataType::Fp32, &[1, 2], &[0; 8])]);
    request.id = Some("x".into());
    request.parameters.set("temperature", Parameter::Double(1.0));
    request.parameters.set("sequence_id", Parameter::Int(0));
    request.parameters.set(ASK_FINAL, Parameter::Bool(true));
    let (head, json) = encode_generate(&request, &model(), NonFinite::Token).unwrap();
    assert_eq!(head.get("content-type").unwrap(), "application/json");
    let expected = r#"{"id":"x","prompt":"a","rows":[0.0,0.0],"parameters":{"temperature":1.0,"sequence_id":0}}"#;
    assert_eq!(text(json), expected);
}

#[test]
fn what_a_server_would_take_for_something_else_is_not_written() {
    let with = |name: &str, value: Parameter| {
        let mut request = request(vec![prompt()]);
        request.parameters.set(name, value);
        request
    };
    let wanting = |name: &str, parameters: &[(&str, Parameter)]| {
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let outputs = vec![RequestedOutput { name: name.into(), parameters }];
        InferRequest { outputs, ..request(vec![prompt()]) }
    };
    let mut carrying = prompt();
    carrying.parameters.set("p", Parameter::Int(1));
    for (request, why) in [
        (
            request(vec![tensor("other", DataType::Bool, &[1], &[1])]),
            "tensor 'other': the model describes no such input",
        ),
        (request(vec![tensor("count", DataType::Int32, &[1], &[0; 4])]), "tensor 'count': it has another datatype"),
        (request(vec![tensor("rows", DataType::Fp32, &[2, 1], &[0; 8])]), "tensor 'rows': its shape is not the one"),
        (request(vec![tensor("big", DataType::Uint64, &[0], &[])]), "tensor 'big': its shape is not the one"),
        (request(vec![tensor("big", DataType::Uint64, &[1, 1], &[0; 8])]), "tensor 'big': its shape is not the one"),
        (request(vec![tensor("half", DataType::Fp16, &[1], &[0, 0])]), "tensor 'half': FP16 has no JSON form"),
        (request(vec![tensor("prompt", DataType::Bytes, &[1], b"\x01\0\0\0\xff")]), "a BYTES element is not UTF-8"),
        (request(vec![carrying]), "tensor 'prompt': its parameters have no place"),
        (with("sequence_id", Parameter::Int(7)), "parameter 'sequence_id': it would not be followed"),
        (with("sequence_id", Parameter::String("s".into())), "parameter 'sequence_id': it would not be followed"),
        (with("timeout", Parameter::Int(5)), "parameter 'timeout': it would not be followed"),
        (with("p", Parameter::Uint(u64::MAX)), "parameter 'p': the server would round it"),
        (with("p", Parameter::Double(f64::NAN)), "parameter 'p': it is no number in JSON"),
        (with("count", Parameter::Int(1)), "parameter 'count': the server would take it for the input of that name"),
        (wanting("other", &[]), "output 'other': the model describes no such output"),
        (wanting("token", &[("classification", Parameter::Int(1))]), "output 'token': its parameters have no place"),
    ] {
        let error = encode_generate(&request, &model(), NonFinite::Token).unwrap_err().to_string();
        assert!(error.contains(why) && error.contains("generate_stream"), "{error}");
    }
    for (outputs, why) in [
        (vec![], "the answer: the server does not describe the model's outputs"),
        (described(&[("o", DataType::Bf16, &[1])]), "tensor 'o': BF16 has no JSON form"),
        (described(&[("o", DataType::Fp32, &[-1, -1])]), "tensor 'o': its shape could not be told from its values"),
    ] {
        let model = ModelMetadata { outputs, ..model() };
        let error = encode_generate(&request(vec![prompt()]), &model, NonFinite::Token).unwrap_err().to_string();
        assert!(error.starts_with(why), "{error}");
    }
}

fn event(text: &str, wanted: &[String]) -> Result<Generated, String> {
    decode_generated(&Bytes::copy_from_slice(text.as_bytes()), &model(), wanted, &Limits::default())
        .map_err(|error| error.to_string())
}

#[test]
fn events_are_read_by_the_description() {
    let text =
        r#"{"id":"x","index":2,"model_name":"m","model_version":"1","rows":[1,2,3,4],"sequence_id":0,"token":"a 2"}"#;
    let Ok(Generated::Answer(response)) = event(text, &[]) else { panic!("{:?}", event(text, &[])) };
    let shapes: Vec<(&str, &[u64])> =
        response.outputs.iter().map(|output| (output.name.as_str(), output.shape())).collect();
    assert_eq!(shapes, [("token", &[1][..]), ("index", &[1]), ("rows", &[2, 2])], "in the order described");
    assert_eq!(response.parameters.get("sequence_id"), Some(&Parameter::Int(0)));
    let Ok(Generated::Answer(response)) = event(text, &["index".to_owned()]) else { panic!("an answer") };
    assert_eq!(response.outputs.len(), 1);
    assert_eq!(event(r#"{"error":"no"}"#, &[]), Ok(Generated::Error("no".into())));
    for (text, why) in [
        (r#"{"model_name":"m","rows":[1,2,3]}"#, "tensor 'rows': its 3 values make no tensor"),
        (r#"{"model_name":"m","index":2147483648}"#, "out of range"),
        (r#"{"token":"a"}"#, "an event is neither an answer nor an error"),
        ("[DONE]", "expected an answer, a JSON object"),
    ] {
        assert!(event(text, &[]).unwrap_err().contains(why), "{text}: {:?}", event(text, &[]));
    }
}
