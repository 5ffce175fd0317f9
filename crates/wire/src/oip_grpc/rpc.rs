//! The calls of the service, by path.

use http::Method;
use sluicegate_core::{Asked, Kind, Operation, Protocol, Refusal};

/// The service's full name.
pub const SERVICE: &str = "inference.GRPCInferenceService";

/// Every call of Triton's service, which has all of the Open Inference Protocol's.
const CALLS: &[(&str, Operation)] = &[
    ("ModelInfer", Operation::Infer),
    ("ModelStreamInfer", Operation::StreamInfer),
    ("ModelReady", Operation::Ready),
    ("ModelMetadata", Operation::Metadata),
    ("ServerLive", Operation::ServerLive),
    ("ServerReady", Operation::ServerReady),
    ("ServerMetadata", Operation::ServerMetadata),
    ("ModelConfig", Operation::Config),
    ("ModelStatistics", Operation::Statistics),
    ("RepositoryIndex", Operation::Index),
    ("RepositoryModelLoad", Operation::Manage),
    ("RepositoryModelUnload", Operation::Manage),
    ("SystemSharedMemoryStatus", Operation::Manage),
    ("SystemSharedMemoryRegister", Operation::Manage),
    ("SystemSharedMemoryUnregister", Operation::Manage),
    ("CudaSharedMemoryStatus", Operation::Manage),
    ("CudaSharedMemoryRegister", Operation::Manage),
    ("CudaSharedMemoryUnregister", Operation::Manage),
    ("TraceSetting", Operation::Manage),
    ("LogSettings", Operation::Manage),
];

/// Reads method and path. `None`: not a path of this service.
pub(super) fn ask(method: &Method, path: &str) -> Option<Result<Asked, Refusal>> {
    let name = path.strip_prefix('/')?.strip_prefix(SERVICE)?.strip_prefix('/')?;
    Some(asked(method, name))
}

fn asked(method: &Method, name: &str) -> Result<Asked, Refusal> {
    let call = CALLS.iter().find(|(call, _)| *call == name);
    let (_, operation) = call
        .ok_or_else(|| Refusal::new(Kind::NoSuchPath, "no such call in the service inference.GRPCInferenceService"))?;
    if *method != Method::POST {
        return Err(Refusal::new(Kind::MethodNotAllowed, "a gRPC call is a POST"));
    }
    Ok(Asked { protocol: Protocol::OipGrpc, operation: *operation, model: None, version: None })
}
