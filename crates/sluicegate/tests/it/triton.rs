//! Real Tritons behind the gateway, for what only they have: models that answer any number of times, and models that keep
//! a state between the requests of a sequence. Answers are those of asking Triton itself.

use std::collections::HashMap;
use std::process::Command;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{Client, Response};
use crate::support::{Gateway, peer, root, script};
use crate::tritonserver::Triton;

/// Two that are alike, for all tests that run at a time: they take seconds to start.
pub(crate) fn tritons() -> Arc<[Triton; 2]> {
    static SHARED: Mutex<Weak<[Triton; 2]>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock();
    shared.upgrade().unwrap_or_else(|| {
        let started = Arc::new([(); 2].map(|()| Triton::start("iris,tokens,sequence", &[])));
        *shared = Arc::downgrade(&started);
        started
    })
}

/// Asks a Triton itself.
fn ask(triton: &Triton, path: &str, body: &str) -> Response {
    Client::connect(([127, 0, 0, 1], triton.http).into()).post(path, body)
}

/// The first Triton over gRPC, and over REST by its own names (bytes pass) and by others (messages are translated).
fn decoupled(tritons: &[Triton; 2]) -> (Gateway, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        r#"
version: 1
listeners: {{ local: {{ address: 127.0.0.1:0, authenticate: [anonymous] }} }}
backends:
  grpc: {{ protocol: oip-grpc, endpoints: ["grpc://127.0.0.1:{}"] }}
  rest: {{ protocol: oip-rest, binary: always, endpoints: ["http://127.0.0.1:{}"] }}
  local: {{ protocol: embedded }}
models:
  tokens: {{ backend: rest }}
  tokens-renamed: {{ backend: rest, model: tokens }}
  tokens-grpc: {{ backend: grpc, model: tokens }}
  iris: {{ backend: rest }}
  iris-renamed: {{ backend: rest, model: iris }}
  iris-grpc: {{ backend: grpc, model: iris }}
  iris-embedded: {{ backend: local, source: {} }}
"#,
        tritons[0].grpc,
        tritons[0].http,
        root().join("examples/quickstart/models/iris.onnx").display()
    );
    (Gateway::of(folder.path(), &text).0, folder)
}

/// Both Tritons as one backend.
fn pair(tritons: &[Triton; 2]) -> (Gateway, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let [left, right] = tritons;
    let text = format!(
        r#"
version: 1
listeners: {{ local: {{ address: 127.0.0.1:0, authenticate: [anonymous] }} }}
backends:
  grpc:
    protocol: oip-grpc
    balance: round_robin
    endpoints: ["grpc://127.0.0.1:{}", "grpc://127.0.0.1:{}"]
  rest:
    protocol: oip-rest
    balance: round_robin
    binary: always
    endpoints: ["http://127.0.0.1:{}", "http://127.0.0.1:{}"]
models:
  sequence: {{ backend: rest }}
  sequence-grpc: {{ backend: grpc, model: sequence }}
  iris: {{ backend: rest }}
  iris-grpc: {{ backend: grpc, model: iris }}
"#,
        left.grpc, right.grpc, left.http, right.http
    );
    (Gateway::of(folder.path(), &text).0, folder)
}

/// Runs a client's script against `address` and gives back its report.
fn client(name: &str, address: &str, arguments: &[&str]) -> Value {
    script("SLUICEGATE_PYTHON_CLIENTS", name, &[&[address], arguments].concat())
}

#[test]
fn tritonclient_streams_a_decoupled_model_as_from_triton_itself() {
    let tritons = tritons();
    let (gateway, _folder) = decoupled(&tritons);
    let direct = client("tritonclient_grpc.py", &format!("127.0.0.1:{}", tritons[0].grpc), &["--tokens", "tokens"]);
    for model in ["tokens", "tokens-renamed", "tokens-grpc"] {
        let through = client("tritonclient_grpc.py", &gateway.data.to_string(), &["--tokens", model]);
        // Answers, final flags, errors in band and as a status, and what of them stands in which place.
        for part in ["plain", "final", "none", "error_in_band", "error_as_status", "cancelled"] {
            assert_eq!(through["tokens"][part], direct["tokens"][part], "{model}: {part}");
        }
        assert_eq!(through["tokens"]["unary"]["status"], direct["tokens"]["unary"]["status"], "{model}");
        let after = &through["tokens"]["unknown_model_then_good"];
        assert_eq!(after[1], direct["tokens"]["unknown_model_then_good"][1], "{model}");
    }
}

#[test]
fn a_model_that_answers_once_says_so_on_a_stream() {
    let tritons = tritons();
    let (gateway, _folder) = decoupled(&tritons);
    let address = gateway.data.to_string();
    let direct = stream_of_iris(&format!("127.0.0.1:{}", tritons[0].grpc), "iris");
    assert_eq!(
        direct,
        json!([{ "parameters": { "triton_final_response": { "boolParam": true } }, "label": ["virginica"] }])
    );
    for model in ["iris", "iris-renamed", "iris-grpc", "iris-embedded"] {
        assert_eq!(stream_of_iris(&address, model), direct, "{model}");
    }
}

/// What a stream says to one request for a model that answers once, asked to tell of its end.
fn stream_of_iris(address: &str, model: &str) -> Value {
    const CODE: &str = r#"
import json, sys
sys.path.insert(0, "tests/python")
import numpy as np
import tritonclient_grpc as t
from google.protobuf.json_format import MessageToDict

server = t.Server(sys.argv[1], {})
rows = np.array([[6.5, 3.0, 5.8, 2.2]], np.float32)
request = dict(model_name=sys.argv[2], inputs=t.tensors({"features": rows}), request_id="x", enable_empty_final_response=True)
answers = []
for result in server.streamed(request, answers=1):
    parameters = {k: MessageToDict(v) for k, v in result.get_response().parameters.items()}
    answers.append({"parameters": parameters, "label": [v.decode() for v in result.as_numpy("label")]})
print(json.dumps(answers))
"#;
    let output = Command::new(peer("SLUICEGATE_PYTHON_CLIENTS"))
        .args(["-c", CODE, address, model])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{model}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn generate_and_generate_stream_are_as_from_triton_itself() {
    let tritons = tritons();
    let (gateway, _folder) = decoupled(&tritons);
    for (model, verb, body) in [
        ("tokens", "generate", r#"{"prompt":"a","max_tokens":1,"id":"x"}"#),
        ("tokens", "generate", r#"{"prompt":"a","max_tokens":1,"fail_at":0}"#),
        ("tokens", "generate_stream", r#"{"prompt":"a \u00e4","max_tokens":3,"id":"x"}"#),
        ("tokens", "generate_stream", r#"{"prompt":["a"],"parameters":{"max_tokens":[2],"delay_ms":1,"other":1.5}}"#),
        ("tokens", "generate_stream", r#"{"prompt":"a","max_tokens":0}"#),
        ("tokens", "generate_stream", r#"{"prompt":"a","max_tokens":3,"fail_at":1}"#),
        ("tokens", "generate_stream", r#"{"prompt":"a","max_tokens":3,"fail_at":0}"#),
        ("tokens", "generate_stream", r#"{"prompt":"a","max_tokens":1,"triton_enable_empty_final_response":true}"#),
    ] {
        let direct = ask(&tritons[0], &format!("/v2/models/{model}/{verb}"), body);
        for alias in ["", "-renamed", "-grpc"] {
            let through = gateway.post(&format!("/v2/models/{model}{alias}/{verb}"), body);
            let told = through.text().replace(&format!("{model}{alias}"), model);
            assert_eq!((through.status, told.as_str()), (direct.status, direct.text()), "{model}{alias}/{verb} {body}");
            assert_eq!(through.header("content-type"), direct.header("content-type"), "{model}{alias}/{verb} {body}");
        }
    }
    for verb in ["generate", "generate_stream"] {
        let body = r#"{"features":[6.5,3.0,5.8,2.2,5.1,3.4,1.5,0.2]}"#;
        for model in ["iris", "iris-renamed", "iris-grpc", "iris-embedded"] {
            let answer = gateway.post(&format!("/v2/models/{model}/{verb}"), body).expect(200);
            let text = answer.text().trim_start_matches("data: ");
            let answer: Value = serde_json::from_str(text).unwrap();
            assert_eq!(answer["label"], json!(["virginica", "setosa"]), "{model}");
            assert_eq!(answer["probabilities"].as_array().unwrap().len(), 6, "{model}");
        }
    }
}

#[test]
fn more_than_one_answer_to_generate_is_refused_in_tritons_words() {
    let tritons = tritons();
    let (gateway, _folder) = decoupled(&tritons);
    let body = r#"{"prompt":"a","max_tokens":3}"#;
    let direct = ask(&tritons[0], "/v2/models/tokens/generate", body);
    // Its own status says that all is well; the gateway hands it on where bytes pass, and says 400 where it reads them.
    assert_eq!(gateway.post("/v2/models/tokens/generate", body).text(), direct.text());
    for model in ["tokens-renamed", "tokens-grpc"] {
        let refused = gateway.post(&format!("/v2/models/{model}/generate"), body).expect(400);
        assert_eq!(refused.text(), direct.text());
    }
    let infer = r#"{"inputs":[{"name":"prompt","datatype":"BYTES","shape":[1],"data":["a"]}]}"#;
    for model in ["tokens", "tokens-renamed", "tokens-grpc"] {
        let refused = gateway.post(&format!("/v2/models/{model}/infer"), infer).expect(501);
        assert!(
            refused.text().contains("doesn't support models with decoupled transaction policy"),
            "{}",
            refused.text()
        );
    }
}

#[test]
fn a_sequence_stays_on_the_endpoint_it_began_on() {
    let tritons = tritons();
    let (gateway, _folder) = pair(&tritons);
    let address = gateway.data.to_string();
    // Each script sums up along several sequences at a time, by integer and by textual id, unary and as a stream. Were a
    // request to miss its endpoint, Triton would refuse it or count otherwise. Run anew, ids are free again.
    for _ in 0..2 {
        for model in ["sequence", "sequence-grpc"] {
            client("tritonclient_grpc.py", &address, &["--sequence", model]);
            client("tritonclient_http.py", &address, &[model, "--sequence"]);
        }
    }
}

#[test]
fn an_id_is_free_once_its_sequence_has_ended() {
    let tritons = tritons();
    let (gateway, _folder) = pair(&tritons);
    let mut client = gateway.client();
    let mut step = |start: bool, end: bool| {
        let body = json!({
            "parameters": { "sequence_id": 77, "sequence_start": start, "sequence_end": end },
            "inputs": [{ "name": "x", "datatype": "INT64", "shape": [1], "data": [1] }],
        });
        client.post("/v2/models/sequence/infer", &body.to_string()).expect(200).json()["outputs"][0]["data"][0].clone()
    };
    let mut served = Vec::new();
    for _ in 0..4 {
        assert_eq!([step(true, false), step(false, false), step(false, true)], [json!(1), json!(2), json!(3)]);
        served.push([(); 3].map(|()| endpoint_of_next(&gateway)));
    }
    for whole in &served {
        assert!(whole.iter().all(|endpoint| *endpoint == whole[0]), "{served:?}");
    }
    // The same id, and yet each time the next in turn.
    assert_eq!((&served[0], &served[1]), (&served[2], &served[3]));
    assert_ne!(served[0], served[1]);
}

/// The endpoint that served the next request in the access log.
fn endpoint_of_next(gateway: &Gateway) -> String {
    gateway.wait_for_record(|record| record["operation"] == "infer")["endpoint"].as_str().unwrap().to_owned()
}

#[test]
fn requests_of_no_sequence_are_spread_evenly() {
    let tritons = tritons();
    let (gateway, _folder) = pair(&tritons);
    let mut client = gateway.client();
    let body = r#"{"inputs":[{"name":"features","datatype":"FP32","shape":[1,4],"data":[5.1,3.4,1.5,0.2]}]}"#;
    for model in ["iris", "iris-grpc"] {
        let mut served = HashMap::new();
        for _ in 0..20 {
            client.post(&format!("/v2/models/{model}/infer"), body).expect(200);
            *served.entry(endpoint_of_next(&gateway)).or_insert(0) += 1;
        }
        assert_eq!(served.values().copied().collect::<Vec<i32>>(), [10, 10], "{model}");
    }
}
