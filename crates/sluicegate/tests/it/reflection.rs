//! The unmodified grpcurl, which knows nothing of the services but what the gateway tells.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::{Gateway, root, stderr, stdout};

fn gateway() -> Gateway {
    Gateway::serve(&["--config", "examples/quickstart/gateway.yaml"])
}

fn grpcurl(gateway: &Gateway, arguments: &[&str], input: &str) -> Output {
    let (command, rest) = arguments.split_first().unwrap();
    let mut child = Command::new(root().join("tests/python/grpcurl.sh"))
        .args([&gateway.data.to_string(), *command])
        .args(rest)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn told(gateway: &Gateway, arguments: &[&str], input: &str) -> String {
    let output = grpcurl(gateway, arguments, input);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    stdout(&output)
}

/// The JSON values that grpcurl prints one after another.
fn values(text: &str) -> Vec<Value> {
    serde_json::Deserializer::from_str(text).into_iter().collect::<Result<_, _>>().unwrap()
}

const SERVICES: [&str; 4] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "inference.GRPCInferenceService",
];

#[test]
fn grpcurl_lists_describes_and_calls_by_reflection() {
    let gateway = gateway();
    assert_eq!(told(&gateway, &["list"], "").lines().collect::<Vec<_>>(), SERVICES);
    for service in SERVICES {
        let described = told(&gateway, &["describe", service], "");
        assert!(described.contains(&format!("{service} is a service")), "{described}");
    }
    let described = told(&gateway, &["describe", "inference.ModelInferRequest"], "");
    assert!(described.contains("repeated bytes raw_input_contents = 7;"), "{described}");
    let answer: Value = serde_json::from_str(&told(&gateway, &["iris", "iris"], "")).unwrap();
    assert_eq!((&answer["modelName"], &answer["id"]), (&json!("iris"), &json!("curl")), "{answer}");
    let ready = told(&gateway, &["call", "inference.GRPCInferenceService/ModelReady", r#"{"name":"iris"}"#], "");
    assert_eq!(values(&ready), [json!({ "ready": true })]);
    for service in ["", "inference.GRPCInferenceService", "grpc.health.v1.Health"] {
        let question = format!(r#"{{"service":"{service}"}}"#);
        let health = told(&gateway, &["call", "grpc.health.v1.Health/Check", &question], "");
        assert_eq!(values(&health), [json!({ "status": "SERVING" })]);
    }
    let record = gateway.wait_for_record(|record| record["protocol"] == "grpc-reflection");
    assert_eq!((&record["operation"], &record["model"]), (&json!("reflect"), &Value::Null));
}

#[test]
fn grpcurl_streams_by_reflection() {
    let gateway = gateway();
    let request = |id: &str| {
        json!({
            "model_name": "iris", "id": id,
            "inputs": [{ "name": "features", "datatype": "FP32", "shape": [1, 4],
                         "contents": { "fp32_contents": [5.1, 3.5, 1.4, 0.2] } }],
        })
        .to_string()
    };
    let input = request("one") + &request("two");
    let answers = values(&told(&gateway, &["stream", "inference.GRPCInferenceService/ModelStreamInfer"], &input));
    let ids: Vec<&Value> = answers.iter().map(|answer| &answer["inferResponse"]["id"]).collect();
    assert_eq!(ids, ["one", "two"]);
}

#[test]
fn what_is_not_there_is_said_on_the_stream() {
    let gateway = gateway();
    let input = r#"
        {"host":"h","list_services":""}
        {"file_containing_symbol":"inference.GRPCInferenceService.ModelInfer"}
        {"file_containing_symbol":"inference.Nothing"}
        {"file_by_filename":"../etc/passwd"}
        {"all_extension_numbers_of_type":"inference.ModelInferRequest"}
        {}
    "#;
    for version in ["v1", "v1alpha"] {
        let call = format!("grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        let answers = values(&told(&gateway, &["stream", &call], input));
        assert_eq!(answers.len(), 6, "{version}");
        assert_eq!((&answers[0]["validHost"], &answers[0]["originalRequest"]["host"]), (&json!("h"), &json!("h")));
        let services = answers[0]["listServicesResponse"]["service"].as_array().unwrap();
        assert_eq!(services.len(), SERVICES.len());
        assert!(answers[1]["fileDescriptorResponse"]["fileDescriptorProto"][0].is_string());
        let codes: Vec<&Value> = answers[2..].iter().map(|answer| &answer["errorResponse"]["errorCode"]).collect();
        assert_eq!(codes, [5, 5, 12, 3], "{version}");
    }
    // More than a question may have.
    let long = format!(r#"{{"file_by_filename":"{}"}}"#, "x".repeat(20_000));
    let output = grpcurl(&gateway, &["stream", "grpc.reflection.v1.ServerReflection/ServerReflectionInfo"], &long);
    assert!(stderr(&output).contains("ResourceExhausted"), "{}", stderr(&output));
    gateway.wait_for_record(|record| record["operation"] == "reflect" && record["outcome"] == "body_too_large");
}
