//! Model servers over TLS that ask the gateway for a certificate, and answer whose they saw.

use std::path::Path;

use serde_json::Value;
use sluicegate_testkit::certs::Authority;

use super::write;
use crate::support::{Gateway, Peer, eventually, peer};

const BODY: &str = r#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}"#;

/// Both servers, and where they listen.
fn start(folder: &Path) -> (Peer, Value) {
    let script = crate::support::root().join("tests/python/tls_upstream.py");
    let python = peer("SLUICEGATE_PYTHON_CLIENTS");
    let mut running = Peer::start(&python, &[&python, script.to_str().unwrap(), folder.to_str().unwrap()], folder);
    let ports = folder.join("ports");
    eventually("the servers listen", || {
        assert!(!running.ended(), "{}", std::fs::read_to_string(folder.join("stderr.log")).unwrap_or_default());
        ports.exists()
    });
    let ports = serde_json::from_str(&std::fs::read_to_string(ports).unwrap()).unwrap();
    (running, ports)
}

/// Whom the server saw.
fn seen(gateway: &Gateway, model: &str) -> String {
    let answer = gateway.post(&format!("/v2/models/{model}/infer"), BODY).expect(200).json();
    answer["outputs"][0]["data"][0].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// T-10.
#[test]
fn t10_each_backend_is_itself_on_one_address() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, other) = (Authority::new("test"), Authority::new("other"));
    std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    std::fs::write(folder.path().join("other.pem"), other.pem()).unwrap();
    write(folder.path(), "server", &authority.issue(&["model.test"]));
    for name in ["alpha", "beta"] {
        write(folder.path(), name, &authority.issue(&[name]));
    }
    write(folder.path(), "stranger", &other.issue(&["stranger"]));
    let (_servers, ports) = start(folder.path());
    let mut backends = String::new();
    let mut models = String::new();
    for (name, ca, server, own) in [
        ("alpha", "ca", "model.test", "alpha"),
        ("beta", "ca", "model.test", "beta"),
        ("stranger", "ca", "model.test", "stranger"),
        ("distrusting", "other", "model.test", "alpha"),
        ("misnamed", "ca", "other.test", "alpha"),
    ] {
        for (protocol, scheme, port) in [("oip-rest", "https", &ports["rest"]), ("oip-grpc", "grpcs", &ports["grpc"])] {
            let tls = format!("{{ ca: {ca}.pem, name: {server}, cert: {own}.pem, key: {own}.key }}");
            let never = if protocol == "oip-rest" { ", binary: never" } else { ", wide_parameters: never" };
            backends.push_str(&format!(
                "  {name}-{protocol}: {{ protocol: {protocol}, endpoints: [\"{scheme}://127.0.0.1:{port}\"], tls: {tls}{never} }}\n"
            ));
            models.push_str(&format!("  {name}-{protocol}: {{ backend: {name}-{protocol}, model: m }}\n"));
        }
    }
    let text = format!(
        "version: 1\nlisteners: {{ l: {{ address: 127.0.0.1:0, authenticate: [anonymous] }} }}\nbackends:\n{backends}models:\n{models}"
    );
    let (mut gateway, _) = Gateway::of(folder.path(), &text);
    for _ in 0..5 {
        for protocol in ["oip-rest", "oip-grpc"] {
            for name in ["alpha", "beta"] {
                assert_eq!(seen(&gateway, &format!("{name}-{protocol}")), name, "{protocol}");
            }
        }
    }
    // Who does not prove what was asked for gets no request; the client hears nothing of it, the operator all.
    for (name, words) in [
        ("distrusting", "not issued by anybody who is trusted"),
        ("misnamed", "is not for other.test"),
        ("stranger", ""),
    ] {
        for protocol in ["oip-rest", "oip-grpc"] {
            let model = format!("{name}-{protocol}");
            let refused = gateway.post(&format!("/v2/models/{model}/infer"), BODY);
            assert!(
                refused.status == 503 || (name == "stranger" && refused.status == 502),
                "{model}: {}",
                refused.text()
            );
            assert!(
                !refused.text().contains("certificate") && !refused.text().contains("127.0.0.1"),
                "{}",
                refused.text()
            );
            let record = gateway.wait_for_record(|record| record["model"] == model.as_str());
            assert!(record["cause"].as_str().is_some_and(|cause| cause.contains(words)), "{record}");
        }
    }
    // Another certificate in the same files is another identity: no connection of the one before serves it.
    write(folder.path(), "alpha", &authority.issue(&["gamma"]));
    gateway.wait_for("that a reload was installed", |line| line.contains("new configuration serves"));
    eventually("both files are read", || seen(&gateway, "alpha-oip-rest") == "gamma");
    assert_eq!(seen(&gateway, "alpha-oip-grpc"), "gamma");
    assert_eq!(seen(&gateway, "beta-oip-rest"), "beta");
}
