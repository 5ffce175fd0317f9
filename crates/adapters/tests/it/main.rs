//! The adapters against scripted peers that speak raw bytes: what they send, and what they make of what comes back.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here is a failed test")]

mod api_key;
mod bridge;
mod client;
mod contract;
mod h2peer;
mod inquiries;
mod oip_grpc;
mod openai;
mod pass;
mod peer;
mod shared;
mod support;
mod tls;
mod token;
mod workers;
