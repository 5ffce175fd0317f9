//! gRPC's health protocol: <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>. Only `Check`: balancers and
//! orchestrators ask it again and again; who calls `Watch` is told that it is not there, as the protocol allows.

use bytes::Bytes;
use http::Method;
use prost::Message;
use sluicegate_core::{
    Asked, Fact, Fields, InferRequest, InferResponse, Kind, ModelMetadata, NonFinite, Operation, Outbound, Protocol,
    Refusal,
};

use crate::generated::health::{HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus};
use crate::{Codec, IndexEntry, Limits, ReplyForm, grpc, oip_grpc};

/// The service's full name.
pub(crate) const NAME: &str = "grpc.health.v1.Health";

/// The protocol as the gateway speaks it to its clients.
pub(crate) const CODEC: Codec = Codec {
    protocol: Protocol::GrpcHealth,
    ask,
    open: grpc::open,
    name_in_body: Some(of_service),
    generative: None,
    needs_metadata: |_| false,
    decode_infer,
    encode_infer,
    pass: None,
    stream: None,
    generate: None,
    encode_model_metadata: |_: &ModelMetadata| no_operation(),
    encode_model_ready: |_, ready| encode(ready),
    encode_server_live: encode,
    encode_server_ready: encode,
    encode_server_metadata: |_| no_operation(),
    encode_fact: |_: Fact, _| Err(not_here()),
    decode_index: |_| Err(not_here()),
    encode_index: |_: &[IndexEntry<'_>]| no_operation(),
    encode_names: |_| no_operation(),
    reflect: None,
    manage: None,
    encode_refusal: grpc::refusal,
    encode_error: grpc::error,
};

fn ask(method: &Method, path: &str) -> Option<Result<Asked, Refusal>> {
    let rpc = path.strip_prefix('/')?.strip_prefix(NAME)?.strip_prefix('/')?;
    Some(match rpc {
        "Check" if *method == Method::POST => {
            Ok(Asked { protocol: Protocol::GrpcHealth, operation: Operation::ServerReady, model: None, version: None })
        }
        "Check" => Err(Refusal::new(Kind::MethodNotAllowed, "a gRPC call is a POST")),
        _ => Err(Refusal::new(Kind::NoSuchPath, "the health service has Check and nothing else here")),
    })
}

/// The gateway as a whole, or a service it has.
fn of_service(asked: Asked, _: &Fields, message: &Bytes) -> Result<Asked, Refusal> {
    let request = HealthCheckRequest::decode(&**message)
        .map_err(|_| Refusal::new(Kind::BadRequest, "the message is no HealthCheckRequest"))?;
    match request.service.as_str() {
        "" | oip_grpc::SERVICE | NAME => Ok(asked),
        _ => Err(Refusal::new(Kind::ModelNotFound, "no such service")),
    }
}

fn encode(serving: bool) -> Outbound {
    let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
    grpc::short_answer(&HealthCheckResponse { status: status.into() })
}

fn decode_infer(
    _: &Fields,
    _: Bytes,
    _: Option<&ModelMetadata>,
    _: &Limits,
) -> Result<(InferRequest, ReplyForm), Refusal> {
    Err(not_here())
}

fn encode_infer(_: &InferResponse, _: &ReplyForm, _: NonFinite) -> Result<Outbound, Refusal> {
    Err(not_here())
}

fn no_operation() -> Outbound {
    grpc::refusal(&not_here())
}

/// `ask` gives no such operation.
fn not_here() -> Refusal {
    Refusal::new(Kind::NoSuchPath, "the health service runs no models")
}
