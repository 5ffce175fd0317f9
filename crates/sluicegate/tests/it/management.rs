//! Managing real model servers through the gateway, by the unmodified tritonclient over HTTP and gRPC: off unless the
//! listener allows it.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Gateway, root, script};
use crate::tritonserver::Triton;

/// Two Tritons of which each has loaded nothing, behind both protocols, and a listener of either kind.
fn world(management: &str) -> ([Triton; 2], Gateway, TempDir) {
    let flags = ["--model-control-mode=explicit"];
    let tritons = [Triton::start("iris", &flags), Triton::start("iris", &flags)];
    let [one, two] = &tritons;
    let text = format!(
        r#"
version: 1
listeners: {{ local: {{ address: 127.0.0.1:0, authenticate: [anonymous]{management} }} }}
backends:
  local: {{ protocol: embedded }}
  rest: {{ protocol: oip-rest, endpoints: ["http://127.0.0.1:{}", "http://127.0.0.1:{}"] }}
  grpc: {{ protocol: oip-grpc, endpoints: ["grpc://127.0.0.1:{}", "grpc://127.0.0.1:{}"] }}
models:
  over-rest: {{ backend: rest, model: iris }}
  over-grpc: {{ backend: grpc, model: iris }}
  not-there: {{ backend: rest, model: nothing }}
  own: {{ backend: local, source: {} }}
"#,
        one.http,
        two.http,
        one.grpc,
        two.grpc,
        root().join("examples/quickstart/models/iris.onnx").display()
    );
    let folder = tempfile::tempdir().unwrap();
    let (gateway, _) = Gateway::of(folder.path(), &text);
    (tritons, gateway, folder)
}

pub(crate) fn manage(gateway: &Gateway, protocol: &str, model: &str, steps: &[&str]) -> Value {
    let address = gateway.data.to_string();
    script("SLUICEGATE_PYTHON_CLIENTS", "manage.py", &[&[protocol, address.as_str(), model], steps].concat())
}

/// The state of a model in the index, as either client tells it.
fn state<'a>(index: &'a Value, model: &str) -> &'a str {
    let list = index.as_array().or_else(|| index["models"].as_array()).unwrap();
    list.iter().find(|entry| entry["name"] == model).unwrap()["state"].as_str().unwrap()
}

const ALLOWED: &str = ", management: allow";

#[test]
fn loading_and_unloading_reach_every_endpoint_over_every_pair_of_protocols() {
    let (tritons, gateway, _folder) = world(ALLOWED);
    let ready = || {
        tritons.each_ref().map(|triton| {
            let address = std::net::SocketAddr::from(([127, 0, 0, 1], triton.http));
            crate::http::Client::connect(address).get("/v2/models/iris/ready").status == 200
        })
    };
    for protocol in ["http", "grpc"] {
        for model in ["over-rest", "over-grpc"] {
            assert_eq!(ready(), [false, false]);
            let report = manage(&gateway, protocol, model, &["index", "load", "index", "ready"]);
            assert_eq!(ready(), [true, true], "{protocol} {model}: {report}");
            assert_eq!(state(&report["index-0"], model), "UNAVAILABLE", "{report}");
            assert_eq!((state(&report["index-2"], model), &report["ready-3"]), ("READY", &json!(true)), "{report}");
            let report = manage(&gateway, protocol, model, &["config", "load-config", "config", "unload", "ready"]);
            assert_eq!(
                (&report["config-0"], &report["config-2"]),
                (&json!(0), &json!(7)),
                "{protocol} {model}: {report}"
            );
            assert_eq!(report["ready-4"], json!(false), "{report}");
        }
    }
    let record = gateway.wait_for_record(|record| record["operation"] == "manage");
    assert_eq!((&record["model"], &record["outcome"]), (&json!("over-rest"), &json!("ok")), "{record}");
}

#[test]
fn settings_are_told_and_changed_everywhere() {
    let (tritons, gateway, _folder) = world(ALLOWED);
    for protocol in ["http", "grpc"] {
        for model in ["over-rest", "over-grpc"] {
            let steps =
                ["load", "trace", "trace-set", "trace-clear", "trace-all", "log", "log-set", "memory", "memory-set"];
            let report = manage(&gateway, protocol, model, &steps);
            let rate = |part: &str| {
                let settings = &report[part];
                let told = if protocol == "http" {
                    &settings["trace_rate"]
                } else {
                    &settings["settings"]["trace_rate"]["value"][0]
                };
                told.as_str().unwrap_or_else(|| panic!("{part}: {report}")).to_owned()
            };
            assert_eq!(
                (rate("trace-1"), rate("trace-set-2"), rate("trace-clear-3")),
                ("1000".into(), "11".into(), "1000".into())
            );
            assert_eq!(rate("trace-all-4"), "1000");
            let level = |part: &str| match protocol {
                "http" => report[part]["log_verbose_level"].clone(),
                _ => report[part]["settings"]["log_verbose_level"]["uint32_param"].clone(),
            };
            assert_eq!(level("log-set-6"), 1, "{report}");
            assert!(level("log-5").is_u64(), "{report}");
            let regions = &report["memory-7"];
            assert!(regions == &json!([]) || regions == &json!({}), "{report}");
            let refused = report["memory-set-8"]["message"].as_str().unwrap();
            assert!(refused.starts_with("0 of 4 servers did it"), "{report}");
        }
    }
    for triton in &tritons {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], triton.http));
        let settings = crate::http::Client::connect(address).get("/v2/logging").expect(200).json();
        assert_eq!(settings["log_verbose_level"], 1);
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    let (tritons, gateway, _folder) = world(ALLOWED);
    for protocol in ["http", "grpc"] {
        let unknown = manage(&gateway, protocol, "secret", &["load"]);
        let message = unknown["load-0"]["message"].as_str().unwrap();
        assert!(message.contains("no such model or version"), "{unknown}");
        let missing = manage(&gateway, protocol, "not-there", &["load"]);
        let message = missing["load-0"]["message"].as_str().unwrap();
        assert!(message.contains("0 of 2 servers did it") && message.contains("failed to load"), "{missing}");
        let own = manage(&gateway, protocol, "own", &["load"]);
        assert!(own["load-0"]["message"].as_str().unwrap().contains("no backend that was meant"), "{own}");
    }
    gateway.post("/v2/repository/models/over-rest/load", "[]").expect(400);
    gateway.post("/v2/repository/other/models/over-rest/load", "").expect(400);
    assert_eq!(gateway.get("/v2/repository/models/over-rest/load").expect(405).header("allow"), Some("POST"));
    // One of two is gone: half done is a failure that says so.
    let [one, two] = tritons;
    drop(two);
    let answer = gateway.post("/v2/repository/models/over-rest/load", "").expect(503);
    assert!(answer.text().contains("1 of 2 servers did it"), "{}", answer.text());
    assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
    drop(one);
}

#[test]
fn off_it_is_refused_alike_for_every_model() {
    let (_tritons, gateway, _folder) = world("");
    let mut said = Vec::new();
    for protocol in ["http", "grpc"] {
        for model in ["over-rest", "own", "secret"] {
            let report = manage(&gateway, protocol, model, &["load", "unload", "trace", "trace-set", "log", "memory"]);
            for (step, told) in report.as_object().unwrap() {
                let expected = if protocol == "http" { "403" } else { "StatusCode.PERMISSION_DENIED" };
                assert_eq!(told["status"], expected, "{step}: {report}");
                said.push(told["message"].clone());
            }
        }
    }
    assert!(said.iter().all(|text| *text == said[0]), "{said:?}");
    assert!(said[0].as_str().unwrap().contains("management is off on this listener"), "{said:?}");
    // What only asks is not management.
    gateway.post("/v2/repository/index", "").expect(200);
    let record = gateway.wait_for_record(|record| record["operation"] == "manage");
    assert_eq!(record["outcome"], "forbidden", "{record}");
}
