//! Real model servers: what they say of themselves, and names they do not have.

use serde_json::json;

use super::{assert_found, configuration, doctor, of, printed};
use crate::mlserver::mlserver;
use crate::support::root;
use crate::triton::tritons;

#[test]
fn mlserver_is_well_and_has_no_binary_tensors() {
    let (mlserver, folder) = (mlserver(), tempfile::tempdir().unwrap());
    let backends = format!(
        "  real: {{ protocol: oip-rest, endpoints: [\"http://127.0.0.1:{0}\"] }}\n  misspelt: {{ protocol: oip-rest, endpoints: \
         [\"http://127.0.0.1:{0}\"] }}\n",
        mlserver.port
    );
    let models = "  echo: { backend: real }\n  iris: { backend: real, version: \"1\" }\n  ecco: { backend: misspelt, model: \
                  ecco }\n";
    let config = configuration(folder.path(), &backends, models);
    let (code, report) = doctor(&config, &["real"]);
    assert_eq!((code, &report["ok"]), (Some(0), &json!(true)), "{report:#}");
    let real = of(&report, "real");
    assert!(real["software"].as_str().unwrap().contains("mlserver"), "{real:#}");
    assert!(real["connect_ms"].is_number() && real["health_ms"].is_number(), "{real:#}");
    assert_eq!(
        (&real["models"][0]["ready"], &real["models"][1]["described"]),
        (&json!(true), &json!(true)),
        "{real:#}"
    );
    assert_eq!(real["clock_ahead_seconds"], 0);
    assert_found(real, "note", "the gateway sends it JSON");
    // A name that is wrong, with the one that is right.
    let (code, report) = doctor(&config, &[]);
    assert_eq!(code, Some(1));
    assert_found(of(&report, "misspelt"), "broken", "the server does not have model `ecco`");
    assert_found(of(&report, "misspelt"), "broken", "did you mean `echo`?");
    let (output, text) = printed(&config);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[1].trim_start().starts_with("broken") && lines[1].contains("misspelt"),
        "the worst comes first:\n{text}"
    );
    assert!(lines[2].contains("-> did you mean `echo`?"), "{text}");
    assert!(text.contains("2 endpoints, 1 of them with something wrong; no gateway runs here"), "{text}");
}

#[test]
fn triton_is_asked_in_both_protocols_and_mixed_up_ports_are_told() {
    let (tritons, folder) = (tritons(), tempfile::tempdir().unwrap());
    let (http, grpc) = (tritons[0].http, tritons[0].grpc);
    let backends = format!(
        "  rest: {{ protocol: oip-rest, endpoints: [\"http://127.0.0.1:{http}\"] }}\n  grpc: {{ protocol: oip-grpc, endpoints: \
         [\"grpc://127.0.0.1:{grpc}\"] }}\n  rest-at-grpc: {{ protocol: oip-rest, endpoints: [\"http://127.0.0.1:{grpc}\"] }}\n  \
         grpc-at-rest: {{ protocol: oip-grpc, endpoints: [\"grpc://127.0.0.1:{http}\"] }}\n  generative: {{ protocol: openai, \
         endpoints: [\"http://127.0.0.1:{http}\"] }}\n  secured: {{ protocol: oip-rest, endpoints: [\"https://127.0.0.1:{http}\"] }}\n"
    );
    let models = "  a: { backend: rest, model: iris }\n  b: { backend: grpc, model: iris }\n  c: { backend: grpc, model: iris, \
                  version: \"7\" }\n";
    let (code, report) = doctor(&configuration(folder.path(), &backends, models), &[]);
    assert_eq!(code, Some(1));
    let rest = of(&report, "rest");
    assert_eq!(rest["ok"], true, "{rest:#}");
    for backend in ["rest", "grpc"] {
        let one = of(&report, backend);
        assert!(one["software"].as_str().unwrap().contains("triton"), "{one:#}");
        assert_eq!(one["models"][0]["ready"], true, "{one:#}");
    }
    assert!(rest["extensions"].as_array().unwrap().contains(&json!("binary_tensor_data")), "{rest:#}");
    assert_found(of(&report, "grpc"), "broken", "version `7`");
    assert_found(of(&report, "rest-at-grpc"), "broken", "it speaks HTTP/2 there, as gRPC does");
    assert_found(of(&report, "grpc-at-rest"), "broken", "it speaks HTTP/1.1 there, not gRPC");
    assert_found(of(&report, "generative"), "warning", "it lists no models");
    assert_found(of(&report, "secured"), "broken", "it speaks there without TLS");
}

#[test]
fn the_embedded_runtime_loads_its_models() {
    let folder = tempfile::tempdir().unwrap();
    let iris = root().join("examples/quickstart/models/iris.onnx");
    std::fs::write(folder.path().join("torn.onnx"), b"no model").unwrap();
    let backends = "  good: { protocol: embedded }\n  torn: { protocol: embedded }\n";
    let models = format!(
        "  iris: {{ backend: good, source: {} }}\n  torn: {{ backend: torn, source: torn.onnx }}\n",
        iris.display()
    );
    let config = configuration(folder.path(), backends, &models);
    let (code, report) = doctor(&config, &[]);
    assert_eq!(code, Some(1));
    assert_eq!(of(&report, "good")["models"][0]["described"], true, "{report:#}");
    assert_found(of(&report, "torn"), "broken", "torn.onnx");
    assert_eq!(doctor(&config, &["good"]).0, Some(0));
}
