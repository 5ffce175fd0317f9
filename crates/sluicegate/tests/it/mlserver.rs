//! A real MLServer behind the gateway, and the unchanged tritonclient before it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::Client;
use crate::quickstart::assert_close;
use crate::support::{Gateway, Peer, eventually, free_port, peer, root, script};

/// An MLServer with the models of `tests/python/mlserver/make_models.py`.
pub(crate) struct MlServer {
    process: Peer,
    pub(crate) port: u16,
    pub(crate) grpc: u16,
    folder: TempDir,
}

/// One MLServer for all tests that run at a time: it takes seconds to start.
pub(crate) fn mlserver() -> Arc<MlServer> {
    static SHARED: Mutex<Weak<MlServer>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock();
    shared.upgrade().unwrap_or_else(|| {
        let started = Arc::new(MlServer::start());
        *shared = Arc::downgrade(&started);
        started
    })
}

impl MlServer {
    fn start() -> Self {
        Self::of(&[])
    }

    /// One with these models alone; `echo` and `slow` start sooner than those of scikit-learn.
    pub(crate) fn with_models(models: &str) -> Self {
        Self::of(&["--models", models])
    }

    fn of(which: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, grpc) = (free_port(), free_port());
        let made = Command::new(peer("SLUICEGATE_PYTHON_MLSERVER"))
            .arg(root().join("tests/python/mlserver/make_models.py"))
            .arg(folder.path())
            .args(["--http-port", &port.to_string(), "--grpc-port", &grpc.to_string()])
            .args(which)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut server = Self { process: run(folder.path()), port, grpc, folder };
        server.wait_until_ready();
        server
    }

    /// Ends it as a machine does that loses its power.
    pub(crate) fn kill(&mut self) {
        self.process.signal("KILL");
        eventually("MLServer is gone", || self.process.ended());
    }

    /// Runs it again on the same ports, once it is gone.
    pub(crate) fn start_again(&mut self) {
        self.process = run(self.folder.path());
        self.wait_until_ready();
    }

    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    fn wait_until_ready(&mut self) {
        eventually("MLServer is ready", || {
            assert!(!self.process.ended(), "MLServer ended: {}", self.log());
            let address = std::net::SocketAddr::from(([127, 0, 0, 1], self.port));
            std::net::TcpStream::connect(address).is_ok()
                && Client::connect(address)
                    .try_send("GET", "/v2/health/ready", &[], b"")
                    .is_ok_and(|it| it.status == 200)
        });
    }

    /// What it wrote to standard error since it runs.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr.log")).unwrap_or_default()
    }
}

fn run(folder: &Path) -> Peer {
    let python = peer("SLUICEGATE_PYTHON_MLSERVER");
    let mlserver = PathBuf::from(&python).with_file_name("mlserver");
    Peer::start(&python, &[&python, mlserver.to_str().unwrap(), "start", folder.to_str().unwrap()], folder)
}

/// `iris` on both runtimes, `echo`, `slow` and `broken` on the MLServer; names that differ from the backend's.
fn gateway(mlserver: &MlServer) -> (Gateway, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        r#"
version: 1
listeners: {{ local: {{ address: 127.0.0.1:0, authenticate: [anonymous] }} }}
backends:
  local: {{ protocol: embedded }}
  mlserver: {{ protocol: oip-rest, endpoints: ["http://127.0.0.1:{}"] }}
  gone: {{ protocol: oip-rest, endpoints: ["http://127.0.0.1:1"] }}
models:
  iris:
    versions:
      embedded: {{ backend: local, source: {} }}
      "7": {{ backend: mlserver, model: iris, version: "1" }}
    traffic: {{ stable: embedded }}
  echo: {{ backend: mlserver }}
  renamed: {{ backend: mlserver, model: echo }}
  slow: {{ backend: mlserver, timeout: 300ms }}
  broken: {{ backend: mlserver }}
  unknown: {{ backend: mlserver }}
  away: {{ backend: gone }}
"#,
        mlserver.port,
        root().join("examples/quickstart/models/iris.onnx").display()
    );
    let (gateway, _) = Gateway::of(folder.path(), &text);
    (gateway, folder)
}

/// Runs the tritonclient script and gives back what each mode answered.
fn tritonclient(gateway: &Gateway, arguments: &[&str]) -> Value {
    let address = gateway.data.to_string();
    script("SLUICEGATE_PYTHON_CLIENT", "tritonclient_http.py", &[&[address.as_str()], arguments].concat())
}

const MODES: &str = "binary,binary-named,json,json-in,json-out,async";

#[test]
fn tritonclient_reads_the_embedded_runtime_in_every_mode() {
    let mlserver = mlserver();
    let (gateway, _folder) = gateway(&mlserver);
    let report = tritonclient(&gateway, &["iris", "--iris", "--outputs", "label,probabilities", "--modes", MODES]);
    let wanted = &report["binary"];
    assert_eq!(wanted["label"]["data"], json!(["setosa", "versicolor", "virginica"]));
    for mode in MODES.split(',') {
        assert_eq!(report[mode], *wanted, "{mode}");
    }
    assert_eq!(report["refusal_unknown_model"]["status"], "404");
    assert_eq!(report["refusal_wrong_shape"]["status"], "400");
    assert_eq!(report["refusal_wrong_type"]["status"], "400");
}

#[test]
fn tritonclient_in_its_default_binary_mode_works_against_mlserver() {
    let mlserver = mlserver();
    let (gateway, _folder) = gateway(&mlserver);
    let arguments = ["iris", "--iris", "--outputs", "predict,predict_proba", "--modes", MODES, "--skip-refusals"];
    let report = tritonclient(&gateway, &[&arguments[..], &["--version", "7"]].concat());
    for mode in MODES.split(',') {
        assert_eq!(report[mode], report["json"], "{mode}");
    }
    // The same model on the other runtime answers the same.
    let embedded = tritonclient(
        &gateway,
        &["iris", "--iris", "--outputs", "label,probabilities", "--modes", MODES, "--skip-refusals"],
    );
    for mode in MODES.split(',') {
        assert_eq!(report[mode]["predict"]["data"], embedded[mode]["label"]["data"], "{mode}");
        let (left, right) = (&report[mode]["predict_proba"]["data"], &embedded[mode]["probabilities"]["data"]);
        assert_close(left, right, mode);
    }
}

#[test]
fn every_datatype_survives_mlserver_in_every_mode() {
    let mlserver = mlserver();
    let (gateway, _folder) = gateway(&mlserver);
    for model in ["echo", "renamed"] {
        let report = tritonclient(&gateway, &[model, "--echo", "--finite", "--modes", MODES, "--skip-refusals"]);
        assert_eq!(report["json"]["uint64"], report["binary"]["uint64"]);
    }
}

#[test]
fn names_and_ids_are_the_clients_own() {
    let mlserver = mlserver();
    let (gateway, _folder) = gateway(&mlserver);
    let body = |id: &str| {
        format!(r#"{{{id}"inputs":[{{"name":"x","shape":[1],"datatype":"INT64","data":[9007199254740993]}}]}}"#)
    };
    let answer = gateway.post("/v2/models/renamed/infer", &body("\"id\":\"a\",")).expect(200);
    assert_eq!(answer.header("sluicegate-model"), Some("renamed"));
    let answer = answer.json();
    assert_eq!((&answer["model_name"], &answer["id"]), (&json!("renamed"), &json!("a")));
    assert_eq!(answer["outputs"][0]["data"], json!([9_007_199_254_740_993_i64]));
    let answer = gateway.post("/v2/models/renamed/infer", &body("")).expect(200).json();
    assert_eq!(answer.get("id"), None, "MLServer makes an id up; the client did not send one");
}

#[test]
fn metadata_and_readiness_are_answered_for_a_backend_that_says_little() {
    let mlserver = mlserver();
    let (gateway, _folder) = gateway(&mlserver);
    let metadata = gateway.get("/v2/models/echo").expect(200).json();
    assert_eq!(metadata["name"], "echo");
    assert!(metadata["inputs"].is_array() && metadata["outputs"].is_array() && metadata["platform"].is_string());
    gateway.get("/v2/models/iris/versions/7/ready").expect(200);
    gateway.get("/v2/models/unknown/ready").expect(503);
    gateway.get("/v2/models/away/ready").expect(503);
}

#[test]
fn what_mlserver_cannot_do_is_told_clearly() {
    let mlserver = mlserver();
    let (gateway, _folder) = gateway(&mlserver);
    let input = |datatype: &str, data: &str| {
        format!(r#"{{"inputs":[{{"name":"x","shape":[1],"datatype":"{datatype}","data":[{data}]}}]}}"#)
    };
    let refused = gateway.post("/v2/models/echo/infer", &input("FP32", "Infinity")).expect(400).json();
    assert!(refused["error"].as_str().unwrap().contains('x'), "{refused}");
    gateway.post("/v2/models/slow/infer", &input("FP32", "30")).expect(504);
    let record = gateway.wait_for_record(|record| record["model"] == "slow");
    assert_eq!(record["outcome"], "deadline_exceeded");
    // The backend's own error keeps its status and its words.
    let broken = gateway.post("/v2/models/broken/infer", &input("FP32", "1")).expect(503).json();
    assert!(broken["error"].is_string());
    gateway.post("/v2/models/unknown/infer", &input("FP32", "1")).expect(503);
    let away = gateway.post("/v2/models/away/infer", &input("FP32", "1")).expect(503);
    assert!(away.header("retry-after").is_some());
    assert!(!away.text().contains("127.0.0.1"), "{}", away.text());
}

#[test]
fn the_mlserver_example_works_as_written() {
    let mlserver = mlserver();
    let text = std::fs::read_to_string(root().join("examples/mlserver/gateway.yaml")).unwrap();
    assert!(text.contains("127.0.0.1:8081"));
    // Only the port differs from what a user runs; paths stay relative to where the file would stand.
    let text = text.replace("127.0.0.1:8081", &format!("127.0.0.1:{}", mlserver.port));
    let text = text.replace("../quickstart", root().join("examples/quickstart").to_str().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (gateway, _) = Gateway::of(folder.path(), &text);
    let body = r#"{"inputs":[{"name":"features","shape":[1,4],"datatype":"FP32","data":[5.1,3.4,1.5,0.2]}]}"#;
    let one = gateway.post("/v2/models/iris/infer", body).expect(200);
    assert_eq!(
        (one.header("sluicegate-version"), one.json()["outputs"][0]["data"][0].as_str()),
        (Some("1"), Some("setosa"))
    );
    let two = gateway.post("/v2/models/iris/versions/2/infer", body).expect(200);
    assert_eq!(
        (two.header("sluicegate-version"), two.json()["outputs"][0]["data"][0].as_str()),
        (Some("2"), Some("setosa"))
    );
}

#[test]
fn models_are_loaded_and_unloaded_on_mlserver() {
    // One of its own: others rely on what the shared one has loaded.
    let mlserver = MlServer::start();
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        r#"
version: 1
listeners: {{ local: {{ address: 127.0.0.1:0, authenticate: [anonymous], management: allow }} }}
backends: {{ mlserver: {{ protocol: oip-rest, endpoints: ["http://127.0.0.1:{}"] }} }}
models: {{ mine: {{ backend: mlserver, model: echo }} }}
"#,
        mlserver.port
    );
    let (gateway, _) = Gateway::of(folder.path(), &text);
    for protocol in ["http", "grpc"] {
        let report =
            crate::management::manage(&gateway, protocol, "mine", &["unload", "ready", "load", "ready", "log"]);
        assert_eq!((&report["ready-1"], &report["ready-3"]), (&json!(false), &json!(true)), "{report}");
        assert!(report["log-4"]["message"].as_str().unwrap().contains("no backend that was meant"), "{report}");
    }
}
