//! The extensions of the Open Inference Protocol that the gateway names in its own description, the same over REST and
//! gRPC. Clients of Triton look for these names.

/// What is there whatever the backend is, or reaches a backend that has it: parameters, sequences and classification
/// are handed on.
pub(crate) const EXTENSIONS: [&str; 9] = [
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "parameters",
    "schedule_policy",
    "sequence",
    "sequence(string_id)",
    "statistics",
];
