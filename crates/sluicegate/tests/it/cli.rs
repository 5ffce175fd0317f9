//! The commands, as users type them.

use serde_json::{Value, json};

use crate::support::{Gateway, sluicegate, stderr, stdout};

#[test]
fn check_reports_every_mistake_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.yaml");
    let text = "version: 1\nlisteners:\n  local:\n    adress: 127.0.0.1:8080\n    authenticate: [anonymous]\nbackends:\n  \
                local: { protocol: embeded }\nmodels:\n  a: { backend: nowhere }\n";
    std::fs::write(&path, text).unwrap();
    let output = sluicegate(&["check", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let report = stdout(&output);
    let file = path.to_str().unwrap();
    assert!(report.contains(&format!("{file}:4:5: ")), "{report}");
    assert!(report.contains("did you mean `address`?"), "{report}");
    assert!(report.contains(&format!("{file}:7:22: ")) && report.contains("`embedded`"), "{report}");
    assert!(report.contains(&format!("{file}:9:17: ")) && report.contains("nowhere"), "{report}");
    let output = sluicegate(&["check", file, "-o", "json"]);
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(report["ok"], false);
    assert!(
        report["mistakes"].as_array().unwrap().iter().any(|mistake| mistake["line"] == 4 && mistake["column"] == 5)
    );
}

#[test]
fn check_finds_a_missing_model_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.yaml");
    let text = "version: 1\nlisteners: { l: { address: 127.0.0.1:0, authenticate: [anonymous] } }\nbackends: { e: { \
                protocol: embedded } }\nmodels: { m: { backend: e, source: missing.onnx } }\n";
    std::fs::write(&path, text).unwrap();
    let output = sluicegate(&["check", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let report = stdout(&output);
    assert!(report.contains(":4:36: the model file cannot be read"), "{report}");
}

#[test]
fn call_status_and_models_talk_to_a_running_gateway() {
    let gateway = Gateway::serve(&["--config", "examples/quickstart/gateway.yaml"]);
    let admin = format!("http://{}", gateway.admin);
    let call = sluicegate(&["call", "iris", "--input", "[[5.1,3.4,1.5,0.2],[7.2,3.0,5.8,1.6]]", "--admin", &admin]);
    assert!(call.status.success(), "{}", stderr(&call));
    assert!(stdout(&call).contains("setosa") && stdout(&call).contains("virginica"), "{}", stdout(&call));
    let call = sluicegate(&["call", "digits@1", "--admin", &admin, "-o", "json"]);
    let answer: Value = serde_json::from_str(&stdout(&call)).unwrap();
    assert_eq!((&answer["model_name"], &answer["model_version"]), (&json!("digits"), &json!("1")));
    let call = sluicegate(&["call", "nope", "--admin", &admin]);
    assert_eq!(call.status.code(), Some(1));
    assert!(stderr(&call).contains("404"), "{}", stderr(&call));

    let status = sluicegate(&["status", "--admin", &admin]);
    assert_eq!(status.status.code(), Some(0));
    assert!(stdout(&status).contains("ready, generation 1"), "{}", stdout(&status));
    let models = sluicegate(&["models", "--admin", &admin, "-o", "yaml"]);
    assert!(stdout(&models).contains("breast-cancer"), "{}", stdout(&models));
    let models = sluicegate(&["models", "--admin", &admin]);
    assert!(stdout(&models).contains("models/iris.onnx"), "{}", stdout(&models));
}

#[test]
fn commands_say_what_to_do_when_nothing_runs() {
    let status = sluicegate(&["status", "--admin", "http://127.0.0.1:1"]);
    assert_eq!(status.status.code(), Some(1));
    assert!(stderr(&status).contains("is the gateway running?"), "{}", stderr(&status));
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&sluicegate(&["completions", shell]));
        assert!(script.contains("sluicegate") && script.contains("check"), "{shell}");
    }
}

#[test]
fn only_what_is_built_is_offered() {
    let help = stdout(&sluicegate(&["--help"]));
    for later in ["rollback", "audit", "rollout", "import"] {
        assert!(!help.contains(later), "{later}");
        assert!(!sluicegate(&[later]).status.success());
    }
}

#[test]
fn the_admin_listener_stays_on_loopback() {
    let output = sluicegate(&[
        "serve",
        "--config",
        "examples/quickstart/gateway.yaml",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "0.0.0.0:0",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("loopback"), "{}", stderr(&output));
}
