//! Tests of the wire room through its public face.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail a test as the test itself does"
)]

mod bytes_of;
mod client;
mod corpus;
mod generate;
mod goldens;
mod grpc;
mod grpc_answers;
mod grpc_reflection;
mod hostile;
mod lossless;
mod manage;
mod oip_grpc;
mod oip_grpc_properties;
mod openai_head;
mod openai_stream;
mod paths;
mod properties;
mod raw;
mod server;
mod sse;
