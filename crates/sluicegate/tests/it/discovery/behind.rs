//! Model servers at several addresses of this machine, and a gateway in front of those it finds.

use std::path::Path;

use serde_json::Value;

use super::dnsmasq::Dns;
use crate::support::{Gateway, eventually, free_port, root};

/// A request, and what its answer holds.
pub(super) const BODY: &str =
    r#"{"inputs":[{"name":"features","shape":[1,4],"datatype":"FP32","data":[5.1,3.4,1.5,0.2]}]}"#;

/// Servers of one model at 127.0.0.1, 127.0.0.2 and 127.0.0.3, on one port: another gateway with its own runtime.
pub(super) struct Servers {
    gateway: Gateway,
    pub(super) port: u16,
}

/// The gateway that is tested.
pub(super) struct Front(pub(super) Gateway);

impl Servers {
    pub(super) fn start(folder: &Path) -> Self {
        Self::start_with(folder, "")
    }

    /// The same, with more said of each listener.
    pub(super) fn start_with(folder: &Path, more: &str) -> Self {
        let port = free_port();
        let listeners: String = (1..=3)
            .map(|nth| format!("  l{nth}: {{ address: 127.0.0.{nth}:{port}, authenticate: [anonymous]{more} }}\n"))
            .collect();
        let text = format!(
            "version: 1\nadmin: {{ address: 127.0.0.1:0 }}\nlisteners:\n{listeners}backends: {{ local: {{ protocol: embedded }} \
             }}\nmodels: {{ iris: {{ backend: local, source: {} }} }}\n",
            root().join("examples/quickstart/models/iris.onnx").display()
        );
        let path = folder.join("servers.yaml");
        std::fs::write(&path, text).unwrap();
        Self { gateway: Gateway::serve_as_configured(&["--config", path.to_str().unwrap()]), port }
    }

    /// Sends their process a signal.
    pub(super) fn signal(&self, name: &str) {
        self.gateway.signal(name);
    }

    /// The endpoints at these addresses, as they are told.
    pub(super) fn at(&self, last: &[u8]) -> Vec<String> {
        last.iter().map(|nth| format!("127.0.0.{nth}:{}", self.port)).collect()
    }
}

impl Front {
    /// A gateway with one backend, which is written so.
    pub(super) fn of(folder: &Path, backend: &str) -> Self {
        Self(Gateway::of(folder, &configuration(backend)).0)
    }

    /// One whose servers are found by the name `model.test`, which is looked up each second.
    pub(super) fn by_name(folder: &Path, servers: &Servers, dns: &Dns) -> Self {
        let (port, resolver) = (servers.port, dns.address());
        let found = format!("{{ dns: \"http://model.test:{port}\", resolver: \"{resolver}\", refresh: 1s }}");
        Self::of(folder, &format!("protocol: oip-rest, endpoints: [{found}]"))
    }

    pub(super) fn backend(&self) -> Value {
        self.0.admin("/status").json()["backends"][0].clone()
    }

    /// The addresses of its endpoints.
    pub(super) fn endpoints(&self) -> Vec<String> {
        let backend = self.backend();
        let endpoints = backend["endpoints"].as_array().unwrap().iter();
        endpoints.map(|endpoint| endpoint["address"].as_str().unwrap().to_owned()).collect()
    }

    pub(super) fn wait_for_endpoints(&self, wanted: &[String]) {
        eventually(&format!("the endpoints are {wanted:?}"), || self.endpoints() == wanted);
    }

    /// Why its first source of endpoints fails, once it does.
    pub(super) fn wait_for_failure(&self) -> String {
        let mut failure = String::new();
        eventually("the source fails", || {
            let why = self.backend()["sources"][0]["failure"].as_str().map(str::to_owned);
            why.is_some_and(|why| {
                failure = why;
                true
            })
        });
        failure
    }

    pub(super) fn wait_until_good(&self) {
        eventually("the source is good", || self.backend()["sources"][0]["failure"].is_null());
    }

    /// A request that must be answered.
    pub(super) fn ask(&self) {
        let answer = self.0.post("/v2/models/iris/infer", BODY).expect(200);
        assert!(answer.text().contains("setosa"), "{}", answer.text());
    }
}

pub(super) fn configuration(backend: &str) -> String {
    format!(
        "version: 1\nlisteners: {{ l: {{ address: 127.0.0.1:0, authenticate: [anonymous] }} }}\nbackends: {{ b: {{ {backend} }} \
         }}\nmodels: {{ iris: {{ backend: b }} }}\n"
    )
}
