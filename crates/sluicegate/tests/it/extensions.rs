//! Triton's extensions over REST and gRPC: configuration, counters and lists, as the unmodified perf_analyzer and
//! tritonclient use them, with real Tritons behind.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::perf_analyzer;
use crate::support::{Gateway, root};
use crate::tritonserver::Triton;

const FLOWER: &str = r#"{"inputs":[{"name":"features","shape":[1,4],"datatype":"FP32","data":[5.1,3.5,1.4,0.2]}]}"#;

/// Two Tritons as one backend over REST, and as one over gRPC, under names of the gateway's own.
fn world() -> ([Triton; 2], Gateway, TempDir) {
    let tritons = [Triton::start("iris", &[]), Triton::start("iris", &[])];
    let [one, two] = &tritons;
    let text = format!(
        r#"
version: 1
listeners: {{ local: {{ address: 127.0.0.1:0, authenticate: [anonymous] }} }}
backends:
  local: {{ protocol: embedded }}
  rest: {{ protocol: oip-rest, endpoints: ["http://127.0.0.1:{}", "http://127.0.0.1:{}"] }}
  grpc: {{ protocol: oip-grpc, endpoints: ["grpc://127.0.0.1:{}", "grpc://127.0.0.1:{}"] }}
models:
  over-rest: {{ backend: rest, model: iris }}
  over-grpc: {{ backend: grpc, model: iris, version: "1" }}
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

/// Runs perf_analyzer and fails with what it printed.
fn measure(gateway: &Gateway, model: &str, protocol: &str, requests: u32) {
    let (said, well) = perf_analyzer::run(gateway.data, protocol, model, "features:1,4", requests);
    assert!(well && said.contains("Throughput"), "{model} over {protocol}: {said}");
}

fn counted(gateway: &Gateway, model: &str) -> u64 {
    let stats = gateway.get(&format!("/v2/models/{model}/stats")).expect(200).json();
    let rows = stats["model_stats"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[0]["name"]), (1, &json!(model)), "{stats}");
    rows[0]["inference_count"].as_u64().unwrap()
}

#[test]
fn perf_analyzer_runs_unmodified_and_two_servers_counters_add_up() {
    let (tritons, gateway, _folder) = world();
    for model in ["over-rest", "over-grpc", "own"] {
        for protocol in ["http", "grpc"] {
            let before = counted(&gateway, model);
            measure(&gateway, model, protocol, 20);
            assert!(counted(&gateway, model) >= before + 20, "{model} over {protocol}");
        }
    }
    // Each of the two has answered, neither all of it; the sum is what both count.
    let each = tritons.each_ref().map(|triton| {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], triton.http));
        let stats = crate::http::Client::connect(address).get("/v2/models/iris/stats").expect(200).json();
        stats["model_stats"][0]["inference_count"].as_u64().unwrap()
    });
    assert!(each.iter().all(|count| *count > 0), "{each:?}");
    for model in ["over-rest", "over-grpc"] {
        assert_eq!(counted(&gateway, model), each[0] + each[1], "{model}");
    }
}

#[test]
fn configuration_counters_and_lists_over_rest() {
    let (tritons, gateway, _folder) = world();
    let expected = gateway.get("/v2/models/over-rest/config").expect(200).json();
    assert_eq!((&expected["name"], &expected["backend"]), (&json!("over-rest"), &json!("python")), "{expected}");
    let over_grpc = gateway.get("/v2/models/over-grpc/versions/1/config").expect(200).json();
    assert_eq!((&over_grpc["name"], &over_grpc["input"]), (&json!("over-grpc"), &expected["input"]));
    let own = gateway.get("/v2/models/own/config").expect(200).json();
    assert_eq!(own["input"][0]["data_type"], "TYPE_FP32", "{own}");

    gateway.post("/v2/models/own/infer", FLOWER).expect(200);
    let all = gateway.get("/v2/models/stats").expect(200).json();
    let names: Vec<&Value> = all["model_stats"].as_array().unwrap().iter().map(|row| &row["name"]).collect();
    assert_eq!(names, ["over-grpc", "over-rest", "own"]);
    assert_eq!(all["model_stats"][2]["inference_count"], 1, "{all}");

    assert_eq!(gateway.get("/v2/models").expect(200).json(), json!({ "models": ["over-grpc", "over-rest", "own"] }));
    let state = |name: &str, state: &str, reason: &str| json!({ "name": name, "version": "1", "state": state, "reason": reason });
    let ready = ["over-grpc", "over-rest", "own"].map(|name| state(name, "READY", ""));
    for body in ["", "{}", r#"{"ready":false}"#, r#"{"ready":true}"#] {
        assert_eq!(gateway.post("/v2/repository/index", body).expect(200).json(), json!(ready), "{body}");
    }
    gateway.post("/v2/repository/index", r#"{"ready":"yes"}"#).expect(400);
    gateway.post("/v2/repository/index", &" ".repeat(65 * 1024)).expect(413);
    drop(tritons);
    let list = gateway.post("/v2/repository/index", "").expect(200).json();
    assert_eq!(
        list,
        json!([
            state("over-grpc", "UNAVAILABLE", "not ready"),
            state("over-rest", "UNAVAILABLE", "not ready"),
            ready[2]
        ])
    );
    assert_eq!(gateway.post("/v2/repository/index", r#"{"ready":true}"#).expect(200).json(), json!([ready[2]]));

    let told = gateway.get("/v2").expect(200).json();
    for extension in
        ["statistics", "model_configuration", "model_repository", "sequence", "classification", "parameters"]
    {
        assert!(told["extensions"].as_array().unwrap().contains(&json!(extension)), "{told}");
    }
}
