//! One whole gateway and a number of requests through it, for an instruction counter to watch: one process, one thread
//! (and the access log's), no socket.
//!
//! ```text
//! cargo xtask instructions
//! ```
//!
//! `instructions WORKLOAD REQUESTS [--alone]`. With `--alone` the same client asks the same model server without a
//! gateway between them: what both cost by themselves is the difference's other side. It must not print, nor do anything
//! else whose cost depends on more than the number of requests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement of messages it made itself: what is odd ends it"
)]

mod grpc;
mod http1;
mod inside;
#[path = "../../src/seams.rs"]
mod seams;
mod workloads;

use tokio::io::DuplexStream;
use tracing_subscriber::EnvFilter;

use self::inside::{Door, Network};
use self::workloads::{Client, Server, WORKLOADS, Workload};

// The product's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (name, requests, alone) = match &arguments[..] {
        [name, requests] => (name, requests, false),
        [name, requests, alone] if alone == "--alone" => (name, requests, true),
        _ => panic!("instructions WORKLOAD REQUESTS [--alone]"),
    };
    // As the product has it: without one, libraries' spans go another way, which the product never takes.
    tracing_subscriber::fmt().with_env_filter(EnvFilter::new("info")).with_writer(std::io::sink).init();
    let workload = WORKLOADS.iter().find(|workload| workload.name == name).unwrap();
    let requests = requests.parse().unwrap();
    // Nothing waits for a socket, so nobody need ask the system whether one is ready.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(run(workload, requests, alone));
}

async fn run(workload: &'static Workload, requests: usize, alone: bool) {
    let (network, mut servers) = Network::new();
    tokio::spawn(async move {
        while let Some(io) = servers.recv().await {
            tokio::spawn(answer(workload.server, io));
        }
    });
    if alone {
        return ask(workload, network.connect().unwrap(), requests, true).await;
    }
    let door: Door = inside::gateway(network);
    ask(workload, door.connect().unwrap(), requests, false).await;
}

async fn answer(server: Server, io: DuplexStream) {
    match server {
        Server::Http1(answer) => http1::answer(io, &answer()).await,
        Server::Grpc => grpc::answer(io, &workloads::grpc_answer()).await,
    }
}

async fn ask(workload: &Workload, io: DuplexStream, requests: usize, alone: bool) {
    // The server alone speaks one protocol: where the gateway translates, its client is the other side of the difference.
    match (workload.client, alone) {
        (Client::Grpc, _) => grpc::ask(io, &workloads::grpc_request(), requests).await,
        (Client::Http1(request), false) => http1::ask(io, &request(), requests).await,
        (Client::Http1(request), true) => match workload.server {
            Server::Http1(_) => http1::ask(io, &request(), requests).await,
            Server::Grpc => grpc::ask(io, &workloads::grpc_request(), requests).await,
        },
    }
}
