//! The Open Inference Protocol over gRPC: what a server reads and answers, what a client writes and reads.

use bytes::Bytes;
use http::Method;
use prost::Message;
use sluicegate_core::{
    Asked, BackendModel, DataType, Fact, InferRequest, InferResponse, Kind, ModelMetadata, NonFinite, Operation,
    Parameter, Parameters, Protocol, Refusal, RequestedOutput, Tensor, TensorMetadata,
};
use sluicegate_wire::generated::inference::{
    self as proto, InferTensorContents, ModelInferRequest, ModelInferResponse, ModelStreamInferResponse,
    infer_parameter::ParameterChoice, model_infer_request::InferInputTensor,
    model_infer_request::InferRequestedOutputTensor, model_infer_response::InferOutputTensor,
};
use sluicegate_wire::grpc::status::{Code, Status};
use sluicegate_wire::oip_grpc::client::{self, EncodeError, Peer, Streamed};
use sluicegate_wire::oip_grpc::{DESCRIPTOR, SERVICE, facts};
use sluicegate_wire::{Codec, IndexEntry, Limits, ReplyForm, codec};

use crate::grpc_answers::{content_type, message_of, pieces, unframed};

fn grpc() -> &'static Codec {
    codec(Protocol::OipGrpc)
}

fn input(name: &str, datatype: &str, shape: &[i64], contents: Option<InferTensorContents>) -> InferInputTensor {
    let (name, datatype, shape) = (name.to_owned(), datatype.to_owned(), shape.to_vec());
    InferInputTensor { name, datatype, shape, contents, ..InferInputTensor::default() }
}

fn request(inputs: Vec<InferInputTensor>, raw: Vec<&'static [u8]>) -> ModelInferRequest {
    let raw_input_contents = raw.into_iter().map(Bytes::from_static).collect();
    ModelInferRequest { model_name: "m".into(), inputs, raw_input_contents, ..ModelInferRequest::default() }
}

fn decode(message: &ModelInferRequest) -> Result<InferRequest, Refusal> {
    let message = message.encode_to_vec().into();
    (grpc().decode_infer)(&content_type(), message, None, &Limits::default()).map(|(request, _)| request)
}

/// The status and message of a refusal, as a client gets it.
fn told(refusal: &Refusal) -> (Code, String) {
    let status = Status::read(&(grpc().encode_refusal)(refusal).headers).unwrap();
    (status.code, status.message)
}

fn refused(message: &ModelInferRequest) -> String {
    let (code, text) = told(&decode(message).unwrap_err());
    assert_eq!(code, Code::InvalidArgument, "{text}");
    text
}

fn asked(operation: Operation) -> Asked {
    Asked { protocol: Protocol::OipGrpc, operation, model: None, version: None }
}

fn named(operation: Operation, message: &[u8]) -> Result<Asked, Refusal> {
    (grpc().name_in_body.unwrap())(asked(operation), &content_type(), &Bytes::copy_from_slice(message))
}

fn parameter(choice: ParameterChoice) -> proto::InferParameter {
    proto::InferParameter { parameter_choice: Some(choice) }
}

#[test]
fn every_call_of_the_service_is_known() {
    let pool = prost_reflect::DescriptorPool::decode(DESCRIPTOR).unwrap();
    let service = pool.get_service_by_name(SERVICE).unwrap();
    assert_eq!(service.methods().len(), 20);
    for method in service.methods() {
        let asked = (grpc().ask)(&Method::POST, &format!("/{SERVICE}/{}", method.name())).unwrap().unwrap();
        assert_eq!(method.is_server_streaming(), asked.operation == Operation::StreamInfer, "{}", method.name());
        assert_eq!((asked.protocol, asked.model), (Protocol::OipGrpc, None));
    }
}

#[test]
fn other_paths_are_refused_or_not_of_this_protocol() {
    let ask = |method, path: &str| (grpc().ask)(&method, path);
    let refusal = ask(Method::POST, "/inference.GRPCInferenceService/Nope").unwrap().unwrap_err();
    assert_eq!(told(&refusal).0, Code::Unimplemented);
    let refusal = ask(Method::GET, "/inference.GRPCInferenceService/ModelInfer").unwrap().unwrap_err();
    assert_eq!(refusal.kind, Kind::MethodNotAllowed);
    for path in ["/v2", "/inference.GRPCInferenceServices/ModelInfer", "/grpc.health.v1.Health/Check", "/"] {
        assert!(ask(Method::POST, path).is_none(), "{path}");
    }
}

#[test]
fn the_model_is_found_without_decoding_the_rest() {
    let mut message = request(Vec::new(), Vec::new());
    message.model_version = "3".into();
    let mut bytes = message.encode_to_vec();
    // An input that is no message: nobody looks at it yet.
    bytes.extend_from_slice(&[0x2A, 1, 0xFF]);
    let found = named(Operation::Infer, &bytes).unwrap();
    assert_eq!((found.model.as_deref(), found.version.as_deref()), (Some("m"), Some("3")));
    let found = named(Operation::StreamInfer, &request(Vec::new(), Vec::new()).encode_to_vec()).unwrap();
    assert_eq!((found.model.as_deref(), found.version), (Some("m"), None));
}

#[test]
fn a_model_named_twice_or_not_at_all_is_refused() {
    let once = request(Vec::new(), Vec::new()).encode_to_vec();
    let twice = [once.clone(), once].concat();
    assert!(named(Operation::Infer, &twice).unwrap_err().public.contains("twice"));
    assert!((grpc().decode_infer)(&content_type(), twice.into(), None, &Limits::default()).is_err());
    for operation in [Operation::Infer, Operation::Ready, Operation::Metadata, Operation::Config] {
        assert_eq!(told(&named(operation, b"").unwrap_err()).0, Code::InvalidArgument);
    }
    assert_eq!(named(Operation::Statistics, b"").unwrap().model, None);
    assert_eq!(named(Operation::ServerLive, b"").unwrap(), asked(Operation::ServerLive));
}

#[test]
fn the_version_minus_one_is_the_latest() {
    let message = proto::ModelReadyRequest { name: "m".into(), version: "-1".into() }.encode_to_vec();
    assert_eq!(named(Operation::Ready, &message).unwrap().version, None);
}

#[test]
fn a_scan_for_the_name_ends() {
    let many = vec![[0x2A_u8, 0]; 10_000].concat();
    assert!(named(Operation::Infer, &many).unwrap_err().public.contains("too many fields"));
}

#[test]
fn raw_contents_are_slices_of_the_message() {
    let data: &'static [u8] = &[7; 4096];
    let bytes = Bytes::from(request(vec![input("x", "UINT8", &[64, 64], None)], vec![data]).encode_to_vec());
    let (decoded, _) = (grpc().decode_infer)(&content_type(), bytes.clone(), None, &Limits::default()).unwrap();
    let tensor = &decoded.inputs[0];
    assert_eq!((tensor.shape(), &tensor.data()[..]), (&[64, 64][..], data));
    assert!(bytes.as_ptr_range().contains(&tensor.data().as_ptr()));
}

#[test]
fn typed_contents_become_canonical_bytes() {
    let contents = |set: fn(&mut InferTensorContents)| {
        let mut contents = InferTensorContents::default();
        set(&mut contents);
        Some(contents)
    };
    let cases: Vec<(&str, i64, Option<InferTensorContents>, Vec<u8>)> = vec![
        ("BOOL", 3, contents(|c| c.bool_contents = vec![true, false, true]), vec![1, 0, 1]),
        ("INT8", 2, contents(|c| c.int_contents = vec![-128, 127]), vec![0x80, 0x7F]),
        ("INT16", 1, contents(|c| c.int_contents = vec![-2]), vec![0xFE, 0xFF]),
        ("INT32", 1, contents(|c| c.int_contents = vec![i32::MIN]), i32::MIN.to_le_bytes().to_vec()),
        ("INT64", 1, contents(|c| c.int64_contents = vec![(1 << 53) + 1]), ((1_i64 << 53) + 1).to_le_bytes().to_vec()),
        ("UINT8", 2, contents(|c| c.uint_contents = vec![0, 255]), vec![0, 255]),
        ("UINT16", 1, contents(|c| c.uint_contents = vec![65535]), vec![0xFF, 0xFF]),
        ("UINT32", 1, contents(|c| c.uint_contents = vec![u32::MAX]), vec![0xFF; 4]),
        ("UINT64", 1, contents(|c| c.uint64_contents = vec![u64::MAX]), vec![0xFF; 8]),
        ("FP32", 1, contents(|c| c.fp32_contents = vec![0.1]), 0.1_f32.to_le_bytes().to_vec()),
        ("FP64", 1, contents(|c| c.fp64_contents = vec![f64::NAN]), f64::NAN.to_le_bytes().to_vec()),
        ("BYTES", 2, contents(|c| c.bytes_contents = vec!["ab".into(), "".into()]), b"\x02\0\0\0ab\0\0\0\0".to_vec()),
        ("FP32", 0, None, Vec::new()),
        ("FP16", 0, None, Vec::new()),
    ];
    for (datatype, length, contents, expected) in cases {
        let decoded = decode(&request(vec![input("x", datatype, &[length], contents)], Vec::new())).unwrap();
        assert_eq!(&decoded.inputs[0].data()[..], &expected[..], "{datatype}");
    }
}

#[test]
fn elements_out_of_range_are_refused() {
    for (datatype, value) in [("INT8", 128), ("INT8", -129), ("INT16", 32768), ("INT16", -32769)] {
        let contents = InferTensorContents { int_contents: vec![value], ..InferTensorContents::default() };
        let text = refused(&request(vec![input("x", datatype, &[1], Some(contents))], Vec::new()));
        assert!(text.contains("'x'") && text.contains(datatype) && !text.contains(&value.to_string()), "{text}");
    }
    for (datatype, value) in [("UINT8", 256), ("UINT16", 65536)] {
        let contents = InferTensorContents { uint_contents: vec![value], ..InferTensorContents::default() };
        refused(&request(vec![input("x", datatype, &[1], Some(contents))], Vec::new()));
    }
}

#[test]
fn contents_of_another_datatype_are_refused() {
    let contents = InferTensorContents { int_contents: vec![1], ..InferTensorContents::default() };
    for datatype in ["INT64", "UINT8", "FP32", "BYTES", "BOOL", "FP16", "BF16"] {
        let text = refused(&request(vec![input("x", datatype, &[1], Some(contents.clone()))], Vec::new()));
        assert!(text.contains("'x'"), "{text}");
    }
    let both = InferTensorContents { int_contents: vec![1], int64_contents: vec![1], ..InferTensorContents::default() };
    assert!(refused(&request(vec![input("x", "INT32", &[1], Some(both))], Vec::new())).contains("int64_contents"));
}

#[test]
fn counts_and_shapes_must_fit() {
    let two = InferTensorContents { int_contents: vec![1, 2], ..InferTensorContents::default() };
    refused(&request(vec![input("x", "INT32", &[3], Some(two.clone()))], Vec::new()));
    refused(&request(vec![input("x", "INT32", &[], Some(two))], Vec::new()));
    assert!(refused(&request(vec![input("x", "INT8", &[-1], None)], vec![b"\0"])).contains("dimension"));
    refused(&request(vec![input("x", "INT8", &[i64::MAX, 4], None)], vec![b"\0"]));
    refused(&request(vec![input("x", "INT8", &[1 << 20, 1 << 20], None)], Vec::new()));
    refused(&request(vec![input("x", "INT8", &[1; 33], None)], vec![b"\0"]));
    refused(&request(vec![input("x", "INT9", &[1], None)], vec![b"\0"]));
    refused(&request(vec![input("x", "INT8", &[0], None), input("x", "INT8", &[0], None)], Vec::new()));
    refused(&request(vec![input("s", "BYTES", &[1], None)], vec![b"\xFF\xFF\xFF\xFFab"]));
    refused(&request(vec![input("x", "BOOL", &[1], None)], vec![b"\x02"]));
}

#[test]
fn raw_and_typed_contents_do_not_mix() {
    let one = InferTensorContents { int_contents: vec![1], ..InferTensorContents::default() };
    let typed = input("x", "INT32", &[1], Some(one));
    let text = refused(&request(vec![typed.clone(), input("y", "INT8", &[1], None)], vec![b"\0"]));
    assert!(text.contains("'x'") && text.contains("raw_input_contents"), "{text}");
    refused(&request(vec![typed], vec![b"\0\0\0\0"]));
}

#[test]
fn raw_contents_are_as_many_as_the_inputs() {
    let inputs = || vec![input("x", "INT8", &[1], None), input("y", "INT8", &[1], None)];
    for raw in [vec![&b"\0"[..]], vec![b"\0", b"\0", b"\0"]] {
        assert!(refused(&request(inputs(), raw)).contains("raw_input_contents"));
    }
    assert!(decode(&request(inputs(), vec![b"\0", b"\0"])).is_ok());
}

#[test]
fn parameters_of_all_kinds_are_read() {
    let mut message = request(Vec::new(), Vec::new());
    let choices = [
        ("b", ParameterChoice::BoolParam(false)),
        ("d", ParameterChoice::DoubleParam(0.5)),
        ("i", ParameterChoice::Int64Param(-7)),
        ("s", ParameterChoice::StringParam(String::new())),
        ("u", ParameterChoice::Uint64Param(u64::MAX)),
        ("v", ParameterChoice::Uint64Param(5)),
    ];
    message.parameters = choices.into_iter().map(|(name, choice)| (name.to_owned(), parameter(choice))).collect();
    message.parameters.insert("none".into(), proto::InferParameter::default());
    let read = decode(&message).unwrap().parameters;
    let expected = [
        ("b", Parameter::Bool(false)),
        ("d", Parameter::Double(0.5)),
        ("i", Parameter::Int(-7)),
        ("s", Parameter::String(String::new())),
        ("u", Parameter::Uint(u64::MAX)),
        ("v", Parameter::Int(5)),
    ];
    assert_eq!(read, expected.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
}

#[test]
fn requested_outputs_keep_their_parameters() {
    let mut message = request(Vec::new(), Vec::new());
    let parameters = [("classification".to_owned(), parameter(ParameterChoice::Int64Param(3)))].into();
    message.outputs = vec![InferRequestedOutputTensor { name: "y".into(), parameters }];
    let wanted = decode(&message).unwrap().outputs;
    let parameters = Parameters::from_iter([("classification".to_owned(), Parameter::Int(3))]);
    assert_eq!(wanted, [RequestedOutput { name: "y".into(), parameters }]);
    message.outputs.push(message.outputs[0].clone());
    assert!(refused(&message).contains("twice"));
}

#[test]
fn shared_memory_is_refused() {
    let region = || [("shared_memory_region".to_owned(), parameter(ParameterChoice::StringParam("r".into())))].into();
    let mut message = request(vec![input("x", "INT8", &[1], None)], Vec::new());
    message.inputs[0].parameters = region();
    assert!(refused(&message).contains("shared memory"));
    let mut message = request(Vec::new(), Vec::new());
    message.outputs = vec![InferRequestedOutputTensor { name: "y".into(), parameters: region() }];
    assert!(refused(&message).contains("shared memory"));
}

#[test]
fn limits_hold() {
    let limits = Limits { tensors: 2, parameters: 1, name: 4, elements: 3, ..Limits::default() };
    let refused = |message: &ModelInferRequest| {
        (grpc().decode_infer)(&content_type(), message.encode_to_vec().into(), None, &limits).unwrap_err().public
    };
    let empty = |name: &str| input(name, "INT8", &[0], None);
    assert!(refused(&request(vec![empty("a"), empty("b"), empty("c")], Vec::new())).contains("too many"));
    assert!(refused(&request(Vec::new(), vec![b"", b"", b""])).contains("too many"));
    assert!(refused(&request(vec![empty("abcde")], Vec::new())).contains("too long"));
    assert!(refused(&request(vec![input("a", "INT8", &[4], None)], vec![b"1234"])).contains("more elements"));
    let mut message = request(Vec::new(), Vec::new());
    for name in ["a", "b"] {
        message.parameters.insert(name.into(), parameter(ParameterChoice::BoolParam(true)));
    }
    assert!(refused(&message).contains("too many parameters"));
}

fn tensor(name: &str, length: u64) -> Tensor {
    let data: Vec<u8> = (0..=255).cycle().take(usize::try_from(length).unwrap()).collect();
    Tensor::new(name, DataType::Uint8, vec![length], data.into()).unwrap()
}

#[test]
fn a_large_tensor_leaves_as_the_bytes_it_is() {
    let request = InferRequest { inputs: vec![tensor("a", 100_000), tensor("b", 3)], ..InferRequest::default() };
    let model = BackendModel { name: "m".into(), version: Some("2".into()) };
    let pieces = client::encode_request(&request, &model, &Peer::default()).unwrap();
    assert!(pieces.iter().any(|piece| piece.as_ptr() == request.inputs[0].data().as_ptr() && piece.len() == 100_000));
    let message = ModelInferRequest::decode(unframed(&pieces)).unwrap();
    assert_eq!((message.model_name.as_str(), message.model_version.as_str()), ("m", "2"));
    assert_eq!(message.raw_input_contents[0], request.inputs[0].data());
    assert_eq!(message.raw_input_contents[1], request.inputs[1].data());
    assert_eq!(message.inputs[0].shape, [100_000]);
}

#[test]
fn a_peer_without_doubles_and_unsigned_parameters_gets_none() {
    let model = BackendModel { name: "m".into(), version: None };
    let old = Peer { parameters_double_uint64: false };
    for value in [Parameter::Double(0.5), Parameter::Uint(u64::MAX)] {
        let parameters = Parameters::from_iter([("temperature".to_owned(), value)]);
        let request = InferRequest { parameters, ..InferRequest::default() };
        assert!(client::encode_request(&request, &model, &Peer::default()).is_ok());
        let error = client::encode_request(&request, &model, &old).unwrap_err();
        assert_eq!(error, EncodeError::Parameter { name: "temperature".into() });
    }
    let parameters = Parameters::from_iter([("i".to_owned(), Parameter::Int(1))]);
    let request = InferRequest { parameters, ..InferRequest::default() };
    assert!(client::encode_request(&request, &model, &old).is_ok());
}

#[test]
fn a_dimension_beyond_63_bits_is_refused() {
    let odd = Tensor::new("x", DataType::Int8, vec![u64::MAX, 0], Bytes::new()).unwrap();
    let model = BackendModel { name: "m".into(), version: None };
    let request = InferRequest { inputs: vec![odd.clone()], ..InferRequest::default() };
    let error = client::encode_request(&request, &model, &Peer::default()).unwrap_err();
    assert_eq!(error, EncodeError::Dimension { tensor: "x".into() });
    let response = InferResponse { outputs: vec![odd], ..InferResponse::default() };
    let refusal = (grpc().encode_infer)(&response, &ReplyForm::default(), NonFinite::Token).unwrap_err();
    assert_eq!(refusal.kind, Kind::UpstreamFault);
}

#[test]
fn answers_are_raw_with_trailers_behind() {
    let response = InferResponse {
        model_name: "m".into(),
        model_version: Some("1".into()),
        id: Some("abc".into()),
        parameters: Parameters::from_iter([("p".to_owned(), Parameter::Bool(true))]),
        outputs: vec![tensor("y", 10_000)],
    };
    let answer = (grpc().encode_infer)(&response, &ReplyForm::default(), NonFinite::Token).unwrap();
    let message = ModelInferResponse::decode(message_of(answer)).unwrap();
    assert_eq!((message.model_name.as_str(), message.model_version.as_str(), message.id.as_str()), ("m", "1", "abc"));
    assert_eq!(message.parameters["p"], parameter(ParameterChoice::BoolParam(true)));
    assert_eq!(message.raw_output_contents, [response.outputs[0].data()]);
    assert_eq!(message.outputs[0].contents, None);
}

#[test]
fn typed_answers_of_other_servers_are_read() {
    let contents = InferTensorContents { int64_contents: vec![1, -2], ..InferTensorContents::default() };
    let output = InferOutputTensor {
        name: "y".into(),
        datatype: "INT64".into(),
        shape: vec![2],
        contents: Some(contents),
        ..InferOutputTensor::default()
    };
    let message = ModelInferResponse { id: "7".into(), outputs: vec![output], ..ModelInferResponse::default() };
    let response = client::decode_response(message.encode_to_vec().into(), &Limits::default()).unwrap();
    assert_eq!(response.id.as_deref(), Some("7"));
    assert_eq!(&response.outputs[0].data()[..], [1_i64.to_le_bytes(), (-2_i64).to_le_bytes()].concat());
}

#[test]
fn a_stream_has_answers_refusals_and_an_end() {
    let stream = grpc().stream.unwrap();
    assert_eq!((stream.head)().headers.get("content-type").unwrap(), "application/grpc");
    let response = InferResponse { model_name: "m".into(), outputs: vec![tensor("y", 9000)], ..Default::default() };
    let item = unframed(&(stream.item)(&response, &ReplyForm::default(), NonFinite::Token).unwrap());
    let message = ModelStreamInferResponse::decode(item.clone()).unwrap();
    assert_eq!(message.infer_response.unwrap().raw_output_contents, [response.outputs[0].data()]);
    assert_eq!(client::decode_streamed(item, &Limits::default()).unwrap(), Streamed::Answer(response));
    let refusal = Refusal::new(Kind::InvalidTensor, "tensor 'x': no");
    let error = unframed(&[(stream.refusal)(&refusal, Some("7"))]);
    let expected = Streamed::Error { message: "tensor 'x': no".into(), id: Some("7".into()) };
    assert_eq!(client::decode_streamed(error, &Limits::default()).unwrap(), expected);
    assert_eq!(Status::read(&(stream.end)(None)).unwrap(), Status::OK);
    assert_eq!(Status::read(&(stream.end)(Some(&refusal))).unwrap().code, Code::InvalidArgument);
}

#[test]
fn a_stream_without_the_wrapper_is_read() {
    let output = InferOutputTensor { name: "y".into(), datatype: "INT8".into(), shape: vec![0], ..Default::default() };
    let plain = ModelInferResponse {
        model_name: "m".into(),
        model_version: "v1".into(),
        outputs: vec![output],
        ..ModelInferResponse::default()
    };
    let read = client::decode_streamed(plain.encode_to_vec().into(), &Limits::default()).unwrap();
    let Streamed::Answer(response) = read else { panic!("{read:?}") };
    assert_eq!((response.model_name.as_str(), response.model_version.as_deref()), ("m", Some("v1")));
}

#[test]
fn questions_are_written_and_answered() {
    let model = BackendModel { name: "m".into(), version: Some("2".into()) };
    let question = unframed(&[client::encode_question(&model).unwrap()]);
    for operation in [Operation::Ready, Operation::Metadata, Operation::Config, Operation::Statistics] {
        let asked = named(operation, &question).unwrap();
        assert_eq!((asked.model.as_deref(), asked.version.as_deref()), (Some("m"), Some("2")));
    }
    assert_eq!(unframed(&[client::encode_nothing()]), "");
    for yes in [true, false] {
        for answer in
            [(grpc().encode_model_ready)("m", yes), (grpc().encode_server_live)(yes), (grpc().encode_server_ready)(yes)]
        {
            assert_eq!(client::decode_yes(message_of(answer)), Ok(yes));
        }
    }
    let server = message_of((grpc().encode_server_metadata)("1.2.3"));
    assert_eq!(proto::ServerMetadataResponse::decode(server.clone()).unwrap().version, "1.2.3");
    assert!(client::decode_server_extensions(&server).unwrap().contains(&"statistics".to_owned()));
}

#[test]
fn descriptions_survive() {
    let tensor = |name: &str, datatype| TensorMetadata { name: name.into(), datatype, shape: vec![-1, 4] };
    let metadata = ModelMetadata {
        name: "m".into(),
        versions: vec!["1".into(), "2".into()],
        platform: "onnx".into(),
        inputs: vec![tensor("x", DataType::Fp32)],
        outputs: vec![tensor("y", DataType::Int64)],
        properties: vec![("class_names".into(), "[\"a\"]".into())],
    };
    let message = message_of((grpc().encode_model_metadata)(&metadata));
    assert_eq!(client::decode_metadata(message, &Limits::default()).unwrap(), metadata);
}

#[test]
fn the_parameters_of_mlserver_are_no_properties_but_read_as_such() {
    // Field 6 is a map to parameters there, and a tensor has parameters too.
    let entry = |value: &[u8]| [&[0x0A, 1, b'k', 0x12, u8::try_from(value.len()).unwrap()], value].concat();
    for (value, text) in
        [(&b"\x1A\x02np"[..], Some("np")), (b"\x08\x01", Some("true")), (b"\x10\x2A", Some("42")), (b"\x1A\x05x", None)]
    {
        let entry = entry(value);
        let mut message = vec![0x0A, 1, b'm', 0x32, u8::try_from(entry.len()).unwrap()];
        message.extend_from_slice(&entry);
        message.extend_from_slice(b"\x22\x11\x0A\x01x\x12\x04FP32\x18\x02\x22\x04\x0A\x02zz");
        let metadata = client::decode_metadata(message.into(), &Limits::default()).unwrap();
        let expected: Vec<(String, String)> = text.map(|text| ("k".into(), text.into())).into_iter().collect();
        assert_eq!(metadata.properties, expected);
        assert_eq!((metadata.inputs[0].name.as_str(), &metadata.inputs[0].shape[..]), ("x", &[2][..]));
    }
}

#[test]
fn a_list_of_models_is_asked_for_and_answered() {
    let asks = |only| unframed(&[client::encode_index(only).unwrap()]);
    assert_eq!((grpc().decode_index)(&asks(true)).ok(), Some(true));
    assert_eq!((grpc().decode_index)(&asks(false)).ok(), Some(false));
    let entries = [IndexEntry { name: "m", version: "1", state: "READY", reason: "" }];
    let list = client::decode_index(&message_of((grpc().encode_index)(&entries))).unwrap();
    assert_eq!((list[0].name.as_str(), list[0].version.as_str(), list[0].state.as_str()), ("m", "1", "READY"));
    let rest = codec(Protocol::OipRest);
    assert_eq!((rest.decode_index)(&Bytes::new()).ok(), Some(false));
    assert_eq!((rest.decode_index)(&Bytes::from_static(b"{\"ready\":true}")).ok(), Some(true));
    assert!((rest.decode_index)(&Bytes::from_static(b"{\"ready\":1}")).is_err());
    let text = crate::bytes_of::show((rest.encode_index)(&entries));
    assert!(text.ends_with(r#"[{"name":"m","reason":"","state":"READY","version":"1"}]"#), "{text}");
}

const CONFIG: &str = r#"{
    "name": "m", "platform": "onnxruntime_onnx", "max_batch_size": 8,
    "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": [4, -1], "reshape": {"shape": ["9007199254740993"]}}],
    "dynamic_batching": {"max_queue_delay_microseconds": 18446744073709551615, "preserve_ordering": true},
    "parameters": {"k": {"string_value": "v"}},
    "model_transaction_policy": {"decoupled": true},
    "something_new": [1, {}]
}"#;

#[test]
fn a_configuration_travels_both_ways() {
    let message = facts::config_from_json(CONFIG.as_bytes()).unwrap();
    let config = proto::ModelConfigResponse::decode(message.clone()).unwrap().config.unwrap();
    assert_eq!((config.name.as_str(), config.max_batch_size, config.input[0].dims.clone()), ("m", 8, vec![4, -1]));
    assert_eq!(config.input[0].reshape.as_ref().unwrap().shape, [9_007_199_254_740_993]);
    let json = facts::config_to_json(&message).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(value["max_batch_size"], 8);
    assert_eq!(value["input"][0]["data_type"], "TYPE_FP32");
    assert_eq!(value["input"][0]["reshape"]["shape"][0], 9_007_199_254_740_993_i64);
    assert_eq!(value["model_transaction_policy"]["decoupled"], true);
    assert_eq!(value["input"][0]["is_shape_tensor"], false, "defaults are written");
    let text = std::str::from_utf8(&json).unwrap();
    assert!(text.contains(r#""max_queue_delay_microseconds":18446744073709551615"#), "{text}");
    assert_eq!(facts::config_from_json(&json).unwrap(), message);
    let answer = (grpc().encode_fact)(Fact::Config, json.clone()).unwrap();
    assert_eq!(message_of(answer), message);
    let rest = crate::bytes_of::whole((codec(Protocol::OipRest).encode_fact)(Fact::Config, json.clone()).unwrap().body);
    assert_eq!(rest, json);
}

#[test]
fn statistics_travel_both_ways() {
    let json = br#"{"model_stats":[{"name":"m","version":"1","last_inference":1700000000000,"inference_count":"3",
        "execution_count":2,"inference_stats":{"success":{"count":3,"ns":18446744073709551615}},
        "response_stats":{"0":{"success":{"count":1,"ns":5}}},"batch_stats":[],"memory_usage":[]}]}"#;
    let message = facts::statistics_from_json(json).unwrap();
    let stats = &proto::ModelStatisticsResponse::decode(message.clone()).unwrap().model_stats[0];
    assert_eq!((stats.last_inference, stats.inference_count), (1_700_000_000_000, 3));
    assert_eq!(stats.inference_stats.as_ref().unwrap().success.as_ref().unwrap().ns, u64::MAX);
    let text = facts::statistics_to_json(&message).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(value["model_stats"][0]["inference_count"], 3);
    assert_eq!(value["model_stats"][0]["inference_stats"]["success"]["ns"], u64::MAX);
    assert_eq!(value["model_stats"][0]["batch_stats"], serde_json::json!([]));
    assert_eq!(message_of((grpc().encode_fact)(Fact::Statistics, text).unwrap()), message);
}

#[test]
fn facts_that_are_none_are_refused() {
    for bad in [&b"{"[..], b"[]", b"{\"max_batch_size\":\"many\"}", b"{\"name\":1}"] {
        assert!(facts::config_from_json(bad).is_err());
        let refusal = (grpc().encode_fact)(Fact::Config, Bytes::from_static(bad)).unwrap_err();
        assert_eq!(refusal.kind, Kind::UpstreamFault);
    }
    assert!(facts::statistics_to_json(b"\xFF").is_err());
}

#[test]
fn trailers_follow_the_pieces() {
    let answer = (grpc().encode_server_live)(true);
    let (pieces, trailers) = pieces(answer.body);
    assert_eq!((pieces.len(), trailers.map(|trailers| trailers.len())), (1, Some(1)));
}
