//! The whole gateway, as users run it: the real binary, real model servers, real clients.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test that meets what it did not expect has failed"
)]

mod calls;
mod can;
mod cli;
mod discovery;
mod doctor;
mod documents;
mod edge;
mod edge_h2;
mod extensions;
mod gigabyte;
mod governed;
mod grpc;
mod http;
mod inside;
mod keys;
mod limits;
mod management;
mod matrix;
mod metadata;
mod mlserver;
mod observe;
mod oidc;
mod openai;
mod perf_analyzer;
mod quickstart;
mod reflection;
mod reload;
mod replacing;
mod resilience;
mod shutdown;
mod simulation;
mod slow;
mod streams;
mod support;
mod threads;
mod tls;
mod triton;
mod tritonserver;
