//! Reflection without a stream: every symbol of the descriptors is found in the file that holds it.

use bytes::Bytes;
use http::Method;
use prost::Message as _;
use prost_reflect::DescriptorPool;
use sluicegate_core::{Operation, Protocol};
use sluicegate_wire::generated::DESCRIPTOR;
use sluicegate_wire::generated::reflection::{
    ServerReflectionRequest, ServerReflectionResponse, server_reflection_request::MessageRequest,
    server_reflection_response::MessageResponse,
};
use sluicegate_wire::{PROTOCOLS, codec};

fn ask(question: MessageRequest) -> MessageResponse {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let reflect = codec(Protocol::GrpcReflection).reflect.unwrap();
    let answer = reflect(&Bytes::from(request.encode_to_vec())).unwrap();
    ServerReflectionResponse::decode(&*answer).unwrap().message_response.unwrap()
}

/// The name of the file that is told to hold `symbol`; empty where none is.
fn file_of(symbol: &str) -> String {
    match ask(MessageRequest::FileContainingSymbol(symbol.to_owned())) {
        MessageResponse::FileDescriptorResponse(files) => {
            assert_eq!(files.file_descriptor_proto.len(), 1);
            prost_reflect::prost_types::FileDescriptorProto::decode(&*files.file_descriptor_proto[0])
                .unwrap()
                .name
                .unwrap()
        }
        _ => String::new(),
    }
}

#[test]
fn every_symbol_leads_to_its_file() {
    let pool = DescriptorPool::decode(DESCRIPTOR).unwrap();
    let mut symbols = 0;
    let mut check = |symbol: &str, file: &str| {
        symbols += 1;
        assert_eq!(file_of(symbol), file, "{symbol}");
    };
    for service in pool.services() {
        check(service.full_name(), service.parent_file().name());
        service.methods().for_each(|method| check(method.full_name(), service.parent_file().name()));
    }
    for message in pool.all_messages() {
        check(message.full_name(), message.parent_file().name());
        message.fields().for_each(|field| check(field.full_name(), message.parent_file().name()));
    }
    for known in pool.all_enums() {
        check(known.full_name(), known.parent_file().name());
        known.values().for_each(|value| check(value.full_name(), known.parent_file().name()));
    }
    assert!(symbols > 500, "{symbols}");
    assert_eq!(file_of(".inference.ModelInferRequest"), "grpc_service.proto");
    for nothing in ["", ".", "inference", "inference.", "inference.ModelInferRequest.nothing", "a.b.c.d"] {
        assert_eq!(file_of(nothing), "", "{nothing}");
    }
}

#[test]
fn every_file_is_told_by_name() {
    for file in DescriptorPool::decode(DESCRIPTOR).unwrap().files() {
        let answer = ask(MessageRequest::FileByFilename(file.name().to_owned()));
        assert!(matches!(answer, MessageResponse::FileDescriptorResponse(_)), "{}", file.name());
    }
}

#[test]
fn only_what_is_answered_is_listed() {
    let MessageResponse::ListServicesResponse(list) = ask(MessageRequest::ListServices(String::new())) else {
        panic!("no list");
    };
    let pool = DescriptorPool::decode(DESCRIPTOR).unwrap();
    for service in list.service {
        let service = pool.get_service_by_name(&service.name).unwrap();
        let answered = service.methods().any(|method| {
            let path = format!("/{}/{}", service.full_name(), method.name());
            PROTOCOLS.iter().any(|codec| matches!((codec.ask)(&Method::POST, &path), Some(Ok(_))))
        });
        assert!(answered, "{}", service.full_name());
    }
}

#[test]
fn paths_of_both_versions() {
    for (path, expected) in [
        ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Some(true)),
        ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Some(true)),
        ("/grpc.reflection.v1.ServerReflection/Other", Some(false)),
        ("/grpc.reflection.v1.ServerReflectionX/ServerReflectionInfo", None),
        ("/grpc.reflection.v2.ServerReflection/ServerReflectionInfo", None),
    ] {
        let asked = (codec(Protocol::GrpcReflection).ask)(&Method::POST, path);
        assert_eq!(asked.as_ref().map(Result::is_ok), expected, "{path}");
        if let Some(Ok(asked)) = asked {
            assert_eq!(asked.operation, Operation::Reflect);
        }
    }
}
