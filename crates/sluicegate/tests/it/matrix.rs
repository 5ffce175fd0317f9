//! Every client against every server through one gateway, answer by answer equal to the server's own.
//!
//! `docs/protocols.md` is written from the results: `SLUICEGATE_WRITE_PAGES=1 cargo xtask test -- -p sluicegate --test it
//! matrix::`.

mod bodies;
mod cells;
mod clients;
mod lossless;
mod page;
mod points;
mod results;
mod servers;

use results::check;

#[test]
fn tritonclient_over_http() {
    check("tritonclient HTTP");
}

#[test]
fn tritonclient_over_grpc() {
    check("tritonclient gRPC");
}

#[test]
fn tritonclient_with_asyncio() {
    check("tritonclient aio");
}

#[test]
fn kserves_clients() {
    check("KServe client");
}

#[test]
fn perf_analyzer_over_grpc() {
    check("perf_analyzer gRPC");
}

#[test]
fn perf_analyzer_over_http() {
    check("perf_analyzer HTTP");
}

#[test]
fn grpcurl() {
    check("grpcurl");
}

#[test]
fn curl() {
    check("curl");
}

#[test]
fn the_openai_client() {
    check("OpenAI SDK");
}
