//! gRPC's reflection protocol: <https://github.com/grpc/grpc/blob/master/doc/server-reflection.md>. A client learns which
//! services are there and how their messages look, and needs no files of its own. Both versions are spoken, `v1` and
//! `v1alpha`; their messages are the same.
//!
//! What is told is the same for everybody: services and messages of the protocols, never a model.

use bytes::Bytes;
use http::Method;
use prost::Message;
use prost_reflect::{DescriptorPool, FileDescriptor};
use sluicegate_core::{Asked, Kind, Operation, Protocol, Refusal};

use crate::generated::described;
use crate::generated::reflection::{
    ErrorResponse, FileDescriptorResponse, ListServiceResponse, ServerReflectionRequest, ServerReflectionResponse,
    ServiceResponse, server_reflection_request::MessageRequest as Question,
    server_reflection_response::MessageResponse as Answer,
};
use crate::grpc::status::Code;
use crate::{Codec, grpc_health, oip_grpc};

/// The services, by version.
const SERVICES: [&str; 2] = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];

/// The one call of both.
const CALL: &str = "ServerReflectionInfo";

/// The protocol as the gateway speaks it to its clients.
pub(crate) const CODEC: Codec = Codec {
    protocol: Protocol::GrpcReflection,
    ask,
    name_in_body: None,
    reflect: Some(answer),
    // As little as the health service it runs models.
    ..grpc_health::CODEC
};

fn ask(method: &Method, path: &str) -> Option<Result<Asked, Refusal>> {
    let path = path.strip_prefix('/')?;
    let call = SERVICES.iter().find_map(|service| path.strip_prefix(service)?.strip_prefix('/'))?;
    let asked = Asked { protocol: Protocol::GrpcReflection, operation: Operation::Reflect, model: None, version: None };
    Some(match (call, method) {
        (CALL, &Method::POST) => Ok(asked),
        (CALL, _) => Err(Refusal::new(Kind::MethodNotAllowed, "a gRPC call is a POST")),
        _ => Err(Refusal::new(Kind::NoSuchPath, "the reflection service has one call, ServerReflectionInfo")),
    })
}

/// Answers one question. What is not known is an answer, too; only what is no question ends the stream.
fn answer(message: &Bytes) -> Result<Bytes, Refusal> {
    let request = ServerReflectionRequest::decode(&**message)
        .map_err(|_| Refusal::new(Kind::BadRequest, "the message is no ServerReflectionRequest"))?;
    let answer = match &request.message_request {
        Some(question) => reply(question),
        None => error(Code::InvalidArgument, "the message asks nothing that is known here"),
    };
    let response = ServerReflectionResponse {
        valid_host: request.host.clone(),
        original_request: Some(request),
        message_response: Some(answer),
    };
    Ok(response.encode_to_vec().into())
}

fn reply(question: &Question) -> Answer {
    let Some(pool) = described() else {
        return error(Code::Internal, "the descriptors cannot be read");
    };
    let file = match question {
        Question::ListServices(_) => return services(),
        Question::FileByFilename(name) => pool.get_file_by_name(name),
        Question::FileContainingSymbol(symbol) => holder(pool, symbol),
        Question::FileContainingExtension(_) | Question::AllExtensionNumbersOfType(_) => {
            return error(Code::Unimplemented, "the messages here have no extensions");
        }
    };
    match file {
        Some(file) => Answer::FileDescriptorResponse(FileDescriptorResponse {
            file_descriptor_proto: vec![file.encode_to_vec().into()],
        }),
        None => error(Code::NotFound, "no such file or symbol here"),
    }
}

/// What the gateway really answers, whatever else the files describe.
fn services() -> Answer {
    let names = [oip_grpc::SERVICE, grpc_health::NAME].into_iter().chain(SERVICES);
    Answer::ListServicesResponse(ListServiceResponse {
        service: names.map(|name| ServiceResponse { name: name.to_owned() }).collect(),
    })
}

/// The file of a service, a message, an enumeration, or of a call, field or value in one of them.
fn holder(pool: &DescriptorPool, symbol: &str) -> Option<FileDescriptor> {
    let symbol = symbol.strip_prefix('.').unwrap_or(symbol);
    if let Some(file) = whole(pool, symbol) {
        return Some(file);
    }
    let (parent, member) = symbol.rsplit_once('.')?;
    let in_service = || {
        let service = pool.get_service_by_name(parent)?;
        service.methods().any(|call| call.name() == member).then(|| service.parent_file())
    };
    let in_message = || {
        let message = pool.get_message_by_name(parent)?;
        let oneof = message.oneofs().any(|oneof| oneof.name() == member);
        (oneof || message.get_field_by_name(member).is_some()).then(|| message.parent_file())
    };
    // Values stand beside their enumeration, not within it.
    let value = || {
        let mut all = pool.all_enums().filter(|known| scope(known.full_name()) == parent);
        all.find(|known| known.get_value_by_name(member).is_some()).map(|known| known.parent_file())
    };
    in_service().or_else(in_message).or_else(value)
}

fn whole(pool: &DescriptorPool, name: &str) -> Option<FileDescriptor> {
    let message = || pool.get_message_by_name(name).map(|message| message.parent_file());
    let enumeration = || pool.get_enum_by_name(name).map(|known| known.parent_file());
    pool.get_service_by_name(name).map(|service| service.parent_file()).or_else(message).or_else(enumeration)
}

fn scope(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(scope, _)| scope)
}

fn error(code: Code, message: &str) -> Answer {
    Answer::ErrorResponse(ErrorResponse { error_code: i32::from(code.number()), error_message: message.to_owned() })
}
