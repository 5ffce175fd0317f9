//! The bundled models answer right, and one's own model needs no configuration.

use serde_json::{Value, json};

use crate::support::{Gateway, root};

fn gateway() -> Gateway {
    Gateway::serve(&["--config", "examples/quickstart/gateway.yaml"])
}

fn expected() -> Value {
    let text = std::fs::read_to_string(root().join("examples/quickstart/models/expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn flat(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.iter().flat_map(flat).collect(),
        other => vec![other.clone()],
    }
}

/// Equal text, or numbers within 1e-5 * max(1, |expected|).
pub(crate) fn assert_close(actual: &Value, expected: &Value, what: &str) {
    let (actual, expected) = (flat(actual), flat(expected));
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (left, right) in actual.iter().zip(&expected) {
        match (left.as_f64(), right.as_f64()) {
            (Some(left), Some(right)) => {
                assert!((left - right).abs() <= 1e-5 * right.abs().max(1.0), "{what}: {left} is not {right}");
            }
            _ => assert_eq!(left, right, "{what}"),
        }
    }
}

#[test]
fn bundled_models_answer_as_onnxruntime_does() {
    let gateway = gateway();
    for (model, facts) in expected().as_object().unwrap() {
        let rows = facts["inputs"]["features"].as_array().unwrap();
        let body = json!({ "inputs": [{
            "name": "features", "datatype": "FP32", "shape": [rows.len(), rows[0].as_array().unwrap().len()], "data": rows,
        }]});
        let answer = gateway.post(&format!("/v2/models/{model}/infer"), &body.to_string()).expect(200);
        assert_eq!(answer.header("sluicegate-model"), Some(model.as_str()));
        assert_eq!(answer.header("sluicegate-version"), Some("1"));
        let answer = answer.json();
        assert_eq!(answer["model_name"], *model);
        for (name, wanted) in facts["outputs"].as_object().unwrap() {
            let output = answer["outputs"].as_array().unwrap().iter().find(|output| output["name"] == *name);
            assert_close(&output.unwrap()["data"], wanted, &format!("{model}.{name}"));
        }
    }
}

#[test]
fn printed_curl_lines_work_as_they_stand() {
    let mut gateway = gateway();
    let models = ["breast-cancer", "digits", "iris"];
    for model in models {
        let line = gateway.wait_for("a curl line", |line| line.trim().starts_with("curl "));
        assert!(line.contains(&format!("/v2/models/{model}/infer")), "{line}");
        let run = std::process::Command::new("sh").args(["-c", line.trim()]).output().unwrap();
        let answer: Value = serde_json::from_slice(&run.stdout).expect("curl prints the answer");
        assert_eq!(answer["model_name"], model, "{answer}");
        assert_eq!(answer["outputs"].as_array().unwrap().len(), 2, "{answer}");
    }
}

#[test]
fn a_model_file_is_served_without_configuration() {
    let gateway = Gateway::serve(&["examples/quickstart/models/iris.onnx"]);
    assert!(gateway.data.ip().is_loopback());
    let metadata = gateway.get("/v2/models/iris").expect(200).json();
    assert_eq!(metadata["name"], "iris");
    assert_eq!(metadata["versions"], json!(["1"]));
    assert_eq!(metadata["inputs"], json!([{ "name": "features", "datatype": "FP32", "shape": [-1, 4] }]));
    assert_eq!(metadata["properties"]["class_names"], "[\"setosa\", \"versicolor\", \"virginica\"]");
    let body = r#"{"inputs":[{"name":"features","shape":[1,4],"datatype":"FP32","data":[7.2,3.0,5.8,1.6]}]}"#;
    let answer = gateway.post("/v2/models/iris/versions/1/infer", body).expect(200).json();
    assert_eq!(answer["outputs"][0]["data"], json!(["virginica"]));
}

#[test]
fn every_path_of_the_protocol_answers() {
    let gateway = gateway();
    for path in ["/v2/health/live", "/v2/health/ready", "/v2", "/v2/", "/v2/health/live/"] {
        gateway.get(path).expect(200);
    }
    for model in ["/v2/models/iris", "/v2/models/iris/versions/1"] {
        for tail in ["", "/", "/ready", "/ready/"] {
            gateway.get(&format!("{model}{tail}")).expect(200);
        }
    }
    let extensions = gateway.get("/v2").json()["extensions"].clone();
    assert!(extensions.as_array().unwrap().contains(&json!("binary_tensor_data")), "{extensions}");
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let gateway = gateway();
    let infer = |body: &str| gateway.post("/v2/models/iris/infer", body);
    let cases = [
        (r#"{"inputs":[{"name":"wrong","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}"#, "wrong"),
        (r#"{"inputs":[{"name":"features","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}"#, "features"),
        (r#"{"inputs":[{"name":"features","shape":[1,4],"datatype":"INT64","data":[1,2,3,4]}]}"#, "features"),
        (r#"{"inputs":[{"name":"features","shape":[1,4],"datatype":"FP32","data":[1,2,3]}]}"#, "features"),
        (r#"{"inputs":[{"name":"features","shape":[1,4],"datatype":"FP32","data":[[1,2],[3]]}]}"#, "features"),
        (r#"{"inputs":[{"name":"features","shape":[1,4000000000000],"datatype":"FP32","data":[1]}]}"#, "features"),
        (r#"{"inputs":[{"name":"features","shape":[1,4],"datatype":"FP16","data":[1,2,3,4]}]}"#, "binary"),
        (r#"{"inputs":[]}"#, "features"),
    ];
    for (body, part) in cases {
        let refusal = infer(body).expect(400).json();
        let message = refusal["error"].as_str().unwrap();
        assert!(message.contains(part), "{message}");
    }
    gateway.post("/v2/models/nope/infer", "{}").expect(404);
    gateway.get("/v2/models/iris/versions/9").expect(404);
    gateway.get("/elsewhere").expect(404);
    gateway.client().send("DELETE", "/v2/models/iris", &[], b"").expect(405);
}
