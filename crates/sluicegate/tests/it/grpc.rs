//! gRPC on the same port: the unchanged tritonclient.

use serde_json::{Value, json};

use crate::support::{Gateway, script};

/// Runs the script with these arguments against the quickstart's models and gives back its report.
fn tritonclient(arguments: &[&str]) -> Value {
    let gateway = Gateway::serve(&["--config", "examples/quickstart/gateway.yaml"]);
    let address = gateway.data.to_string();
    script("SLUICEGATE_PYTHON_CLIENTS", "tritonclient_grpc.py", &[&[address.as_str()], arguments].concat())
}

#[test]
fn tritonclient_over_grpc_reads_the_embedded_runtime() {
    let report = tritonclient(&["--iris", "iris", "--digits", "digits", "--outputs", "label,probabilities"]);
    assert!(report["iris"].to_string().contains("virginica"), "{report}");
    assert!(report["digits"].is_object(), "{report}");
}

#[test]
fn tritonclient_over_grpc_learns_about_models_and_is_refused_clearly() {
    let report = tritonclient(&["--about", "iris", "--refusals", "iris"]);
    assert_eq!(report["about"]["server_metadata"]["name"], "sluicegate");
    assert_eq!(report["about"]["model_metadata"]["versions"], json!(["1"]));
    assert_eq!(report["about"]["config"]["config"]["name"], "iris");
    assert_eq!(report["about"]["index"]["models"].as_array().unwrap().len(), 3);
    let refusals = report["refusals"].to_string();
    assert!(refusals.contains("NOT_FOUND") && refusals.contains("INVALID_ARGUMENT"), "{refusals}");
}
