//! Types and descriptors that `cargo xtask proto` writes from the files under `proto/`. Used where a message is small;
//! messages with tensors are read and written by hand.
#![allow(missing_docs, unreachable_pub, clippy::all, clippy::allow_attributes_without_reason, reason = "generated")]

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

/// The Open Inference Protocol's service with Triton's extensions.
pub mod inference {
    include!("generated/inference.rs");
}

/// gRPC's health service.
pub mod health {
    include!("generated/grpc.health.v1.rs");
}

/// gRPC's reflection service.
pub mod reflection {
    include!("generated/grpc.reflection.v1.rs");
}

/// What [`DESCRIPTOR`] describes, to be looked up by name; `None` only if it could not be read.
pub(crate) fn described() -> Option<&'static DescriptorPool> {
    static POOL: LazyLock<Option<DescriptorPool>> = LazyLock::new(|| DescriptorPool::decode(DESCRIPTOR).ok());
    POOL.as_ref()
}

/// Every file under `proto/` as an encoded `google.protobuf.FileDescriptorSet`, for reflection.
pub const DESCRIPTOR: &[u8] = include_bytes!("generated/descriptor.bin");
