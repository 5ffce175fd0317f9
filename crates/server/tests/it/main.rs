//! The server from outside: raw bytes and real HTTP clients against listeners in memory and on loopback.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of tests fail the test, as the tests do"
)]

mod accepting;
mod bodies;
mod codec;
mod corpus;
mod draining;
mod handing_over;
mod http2_edge;
mod joining;
mod leaving;
mod limits;
mod listeners;
mod protocols;
mod proxies;
mod support;
mod tls;
mod workers;
