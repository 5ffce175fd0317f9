//! Keys, tenants and rules in one gateway: the example `governed`, asked by unchanged clients.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::Client;
use crate::support::{Gateway, eventually, now, root, script, sluicegate, stderr, stdout};

/// The example on free ports, with its state in a folder of its own.
struct Governed {
    gateway: Gateway,
    partners: SocketAddr,
    house: SocketAddr,
    config: PathBuf,
    _folder: TempDir,
}

impl Governed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("gateway.yaml");
        let text = fs::read_to_string(root().join("examples/governed/gateway.yaml")).unwrap();
        let models = root().join("examples/quickstart/models");
        let text = text
            .replace("../quickstart/models", models.to_str().unwrap())
            .replace("127.0.0.1:8081", "127.0.0.1:0")
            .replace("127.0.0.1:8080", "127.0.0.1:0");
        fs::write(&config, text).unwrap();
        let arguments = ["--config", config.to_str().unwrap(), "--admin", "127.0.0.1:0"];
        let gateway = Gateway::serve_as_configured(&arguments);
        let address = |name: &str| {
            let line = gateway.said.iter().find(|line| line.trim().starts_with(name)).unwrap();
            line.split("://").nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap()
        };
        let (partners, house) = (address("partners"), address("house"));
        Self { gateway, partners, house, config, _folder: folder }
    }

    fn keys(&self, arguments: &[&str]) -> Value {
        let output =
            sluicegate(&[&["keys"], arguments, &["--config", self.config.to_str().unwrap(), "-o", "json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        serde_json::from_str(&stdout(&output)).unwrap()
    }

    /// A key of this name, once the gateway knows it.
    fn key(&self, name: &str, arguments: &[&str]) -> String {
        let made = self.keys(&[&["create", name], arguments].concat());
        let key = made["key"].as_str().unwrap().to_owned();
        eventually("the key is known", || status(self.house, "/v2", &key) == 200);
        key
    }
}

fn status(at: SocketAddr, path: &str, key: &str) -> u16 {
    Client::connect(at).send("GET", path, &[("x-api-key", key)], b"").status
}

/// What unchanged clients are told of the model of high risk.
fn asked(at: SocketAddr, key: &str, version: &str) -> Value {
    let at = at.to_string();
    let arguments = [at.as_str(), "breast-cancer", "--key", key, "--version", version];
    script("SLUICEGATE_PYTHON_CLIENTS", "governed.py", &arguments)
}

#[test]
fn each_team_uses_what_its_rules_say_over_rest_and_grpc() {
    let governed = Governed::new();
    let doctor = governed.key("doctor", &["--tenant", "diagnostics"]);
    let scanner = governed.key("scanner", &["--tenant", "clinic"]);
    let ada = governed.key("ada", &["--tenant", "research"]);
    let reviewer = governed.key("reviewer", &["--tenant", "research", "--group", "reviewers"]);
    let trainee = governed.key("trainee", &["--tenant", "diagnostics"]);
    for protocol in ["rest", "grpc"] {
        let all = json!(["breast-cancer@1", "breast-cancer@2", "iris@1"]);
        let report = asked(governed.house, &doctor, "");
        assert_eq!((&report[protocol]["infer"], &report[protocol]["index"]), (&json!({ "version": "2" }), &all));
        // What is stable is not for partners: they get the version that is.
        let report = asked(governed.partners, &scanner, "");
        assert_eq!(report[protocol]["infer"], json!({ "version": "1" }), "{report}");
        assert_eq!(report[protocol]["index"], json!(["breast-cancer@1", "iris@1"]));
        let report = asked(governed.partners, &scanner, "2");
        assert!(report[protocol]["infer"].to_string().contains("no such model or version"), "{report}");
        for (key, listed) in [(&ada, json!(["digits@1", "iris@1"])), (&trainee, json!(["iris@1"]))] {
            let report = asked(governed.house, key, "");
            assert_eq!(report[protocol]["index"], listed, "{report}");
            assert!(report[protocol]["infer"].to_string().contains("no such model or version"), "{report}");
        }
        let report = asked(governed.house, &reviewer, "");
        assert_eq!(report[protocol]["ready"], json!(true), "{report}");
        assert!(report[protocol]["infer"].to_string().contains("may not do this with this model"), "{report}");
    }
    let by = |record: &Value| (record["principal"].clone(), record["listener"].clone());
    let record = governed.gateway.wait_for_record(|record| by(record) == (json!("key:scanner"), json!("partners")));
    assert_eq!(record["tenant"], json!("clinic"));
}

#[test]
fn what_is_not_exposed_to_partners_is_there_in_the_house_alone() {
    let governed = Governed::new();
    let ada = governed.key("ada", &["--tenant", "research"]);
    for path in ["/v2/models/digits", "/v2/models/digits/ready", "/v2/models/digits/versions/1/config"] {
        assert_eq!(status(governed.house, path, &ada), 200, "{path}");
        let ask = |path: &str| Client::connect(governed.partners).send("GET", path, &[("x-api-key", &ada)], b"");
        let (hidden, unknown) = (ask(path), ask(&path.replace("digits", "none")));
        assert_eq!((hidden.status, hidden.text()), (404, unknown.text()), "{path}");
    }
    let report = asked(governed.partners, &ada, "");
    for protocol in ["rest", "grpc"] {
        assert_eq!(report[protocol]["index"], json!(["iris@1"]), "{report}");
    }
}

#[test]
fn who_has_no_good_key_learns_nothing() {
    let governed = Governed::new();
    let key = governed.key("scanner", &["--tenant", "clinic"]);
    let made = governed.keys(&["create", "stranger", "--tenant", "elsewhere"]);
    let stranger = made["key"].as_str().unwrap().to_owned();
    eventually("the key is known", || status(governed.house, "/v2", &stranger) == 403);
    for (at, key, expected) in [
        (governed.partners, "", 401),
        (governed.partners, "sgk_nothing", 401),
        (governed.partners, &key[..key.len() - 1], 401),
        (governed.house, stranger.as_str(), 403),
    ] {
        for path in ["/v2", "/v2/models/breast-cancer", "/v2/models/none", "/v1/models", "/none"] {
            let headers: &[(&str, &str)] = if key.is_empty() { &[] } else { &[("api-key", key)] };
            let answer = Client::connect(at).send("GET", path, headers, b"");
            assert_eq!(answer.status, expected, "{path}");
            assert_eq!(answer.header("www-authenticate"), (expected == 401).then_some("Bearer"));
            assert!(!answer.text().contains("sgk_"));
        }
    }
    let report = asked(governed.partners, "sgk_nothing", "");
    assert!(report["grpc"]["infer"].to_string().contains("UNAUTHENTICATED"), "{report}");
}

#[test]
fn a_revoked_key_is_out_within_a_second_and_a_rotated_one_overlaps() {
    let governed = Governed::new();
    let first = governed.key("scanner", &["--tenant", "clinic"]);
    let rotated = governed.keys(&["rotate", "scanner", "--overlap", "1h"]);
    let second = rotated["key"].as_str().unwrap().to_owned();
    eventually("the other key is known", || status(governed.partners, "/v2", &second) == 200);
    assert_eq!(status(governed.partners, "/v2", &first), 200);
    let revoked = now();
    governed.keys(&["revoke", "scanner", "--reason", "lost"]);
    eventually("both are out", || [&first, &second].map(|key| status(governed.partners, "/v2", key)) == [401, 401]);
    // Five seconds are promised, to every replica.
    assert!(revoked.elapsed() < std::time::Duration::from_secs(5), "{:?}", revoked.elapsed());
    // What anybody was, is told to operators alone.
    let record = governed.gateway.wait_for_record(|record| record["cause"] == "key `scanner` was revoked");
    assert_eq!((&record["principal"], &record["status"]), (&json!(""), &json!(401)));
}

#[test]
fn a_key_reaches_no_further_than_it_was_made_for() {
    let governed = Governed::new();
    let narrow = governed.key("narrow", &["--tenant", "diagnostics", "--scope", "read", "--model", "iris"]);
    assert_eq!(status(governed.house, "/v2/models/iris", &narrow), 200);
    assert_eq!(status(governed.house, "/v2/models/breast-cancer", &narrow), 404);
    let answer =
        Client::connect(governed.house).send("POST", "/v2/models/iris/infer", &[("x-api-key", &narrow)], b"{}");
    assert_eq!(answer.status, 403);
    let answer = Client::connect(governed.house).send(
        "POST",
        "/v2/repository/models/iris/unload",
        &[("x-api-key", &narrow)],
        b"{}",
    );
    assert_eq!(answer.status, 403);
}

#[test]
fn what_can_says_is_what_happens() {
    let governed = Governed::new();
    let path = governed.config.to_str().unwrap();
    for (name, tenant) in
        [("doctor", "diagnostics"), ("scanner", "clinic"), ("ada", "research"), ("trainee", "diagnostics")]
    {
        let key = governed.key(name, &["--tenant", tenant]);
        for version in ["1", "2"] {
            let (id, asked) = (format!("key:{name}"), format!("breast-cancer@{version}"));
            let said = sluicegate(&["can", &id, "ready", &asked, "--tenant", tenant, "--config", path]);
            let found = status(governed.house, &format!("/v2/models/breast-cancer/versions/{version}/ready"), &key);
            assert_eq!(said.status.code() == Some(0), found == 200, "{name} {version}: {} {found}", stdout(&said));
        }
    }
}
