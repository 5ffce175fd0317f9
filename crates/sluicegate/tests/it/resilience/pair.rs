//! Two MLServers of one's own, and a gateway in front of them.

use std::net::SocketAddr;

use serde_json::Value;
use tempfile::TempDir;

use crate::http::{Client, Response};
use crate::mlserver::MlServer;
use crate::support::Gateway;

/// A request to `echo`, or to `slow`, which sleeps so many seconds.
pub(super) fn body(seconds: u32) -> String {
    format!(r#"{{"inputs":[{{"name":"x","shape":[1],"datatype":"FP32","data":[{seconds}]}}]}}"#)
}

/// One request on a connection of its own.
pub(super) fn ask(gateway: SocketAddr, model: &str, seconds: u32) -> Response {
    Client::connect(gateway).post(&format!("/v2/models/{model}/infer"), &body(seconds))
}

/// Two servers that are alike.
pub(super) fn servers() -> [MlServer; 2] {
    std::thread::scope(|scope| {
        let starting = [(); 2].map(|()| scope.spawn(|| MlServer::with_models("echo,slow")));
        starting.map(|one| one.join().unwrap())
    })
}

/// The gateway that is tested.
pub(super) struct Front {
    pub(super) gateway: Gateway,
    protocol: &'static str,
    _folder: TempDir,
}

impl Front {
    /// Backends with what is written of each, all of both servers in turn, over `protocol`; and models of theirs.
    pub(super) fn of(servers: &[MlServer; 2], protocol: &'static str, backends: &[(&str, &str)], models: &str) -> Self {
        let endpoints = servers.each_ref().map(|server| format!("\"{}\"", url(protocol, server))).join(", ");
        let backends: String = backends
            .iter()
            .map(|(name, more)| {
                format!("  {name}: {{ protocol: {protocol}, balance: round_robin, endpoints: [{endpoints}]{more} }}\n")
            })
            .collect();
        let text = format!(
            "version: 1\nlisteners: {{ l: {{ address: 127.0.0.1:0, authenticate: [anonymous] }} }}\ndefaults: {{ timeout: 20s \
             }}\nbackends:\n{backends}models: {{ {models} }}\n"
        );
        let folder = tempfile::tempdir().unwrap();
        let (gateway, _) = Gateway::of(folder.path(), &text);
        Self { gateway, protocol, _folder: folder }
    }

    /// What is known of a server as an endpoint of this backend.
    pub(super) fn endpoint(&self, backend: &str, server: &MlServer) -> Value {
        let status = self.gateway.admin("/status").json();
        let backend = status["backends"].as_array().unwrap().iter().find(|one| one["name"] == backend).unwrap();
        let address = self.address(server);
        backend["endpoints"].as_array().unwrap().iter().find(|one| one["address"] == address).unwrap().clone()
    }

    /// How it is named in status, metrics and the access log.
    pub(super) fn address(&self, server: &MlServer) -> String {
        url(self.protocol, server).split_once("://").unwrap().1.to_owned()
    }

    /// A counter of a backend.
    pub(super) fn counted(&self, counter: &str, backend: &str) -> f64 {
        let metrics = self.gateway.admin("/metrics");
        let start = format!("sluicegate_backend_{counter}_total{{backend=\"{backend}\"}} ");
        let found = metrics.text().lines().find_map(|line| line.strip_prefix(&start)?.parse().ok());
        found.unwrap_or_else(|| panic!("{start}: {}", metrics.text()))
    }
}

fn url(protocol: &str, server: &MlServer) -> String {
    match protocol {
        "oip-rest" => format!("http://127.0.0.1:{}", server.port),
        _ => format!("grpc://127.0.0.1:{}", server.grpc),
    }
}
