//! Configuration replaced under load: atomically, or not at all.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::http::Client;
use crate::support::{Gateway, eventually, root};

const BODY: &str = r#"{"inputs":[{"name":"features","shape":[1,4],"datatype":"FP32","data":[5.1,3.4,1.5,0.2]}]}"#;

/// One model, with a timeout that makes each configuration another one.
fn configuration(seconds: usize, models: &[&str]) -> String {
    let source = root().join("examples/quickstart/models/iris.onnx");
    let models: String = models
        .iter()
        .map(|name| format!("  {name}: {{ backend: local, source: {}, timeout: {seconds}s }}\n", source.display()))
        .collect();
    format!(
        "version: 1\nlisteners: {{ local: {{ address: 127.0.0.1:0, authenticate: [anonymous] }} }}\nbackends: {{ local: {{ \
         protocol: embedded }} }}\nmodels:\n{models}"
    )
}

/// Replaces a file as careful programs do: whole, by renaming.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(&new, path).unwrap();
}

#[test]
fn ten_thousand_requests_during_fifty_reloads_ten_of_them_bad() {
    const REQUESTS: usize = 10_000;
    let folder = tempfile::tempdir().unwrap();
    let (mut gateway, path) = Gateway::of(folder.path(), &configuration(10, &["iris"]));
    let (sent, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let address = gateway.data;
    let client = || {
        let mut client = Client::connect(address);
        let mut mine = 0;
        while !stop.load(Ordering::Relaxed) || sent.load(Ordering::Relaxed) < REQUESTS {
            let answer = client.post("/v2/models/iris/infer", BODY).expect(200);
            assert!(answer.text().contains("setosa"), "{}", answer.text());
            sent.fetch_add(1, Ordering::Relaxed);
            mine += 1;
        }
        mine
    };
    let per_client = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(client)).collect();
        for round in 0..50 {
            if round % 5 == 4 {
                replace(&path, "version: 1\nlisteners: {}\nmodels: { iris: { backend: gone } }\n");
                gateway.wait_for("that a reload was refused", |line| line.contains("configuration refused"));
            } else {
                replace(&path, &configuration(11 + round, &["iris"]));
                gateway.wait_for("that a reload was installed", |line| line.contains("new configuration serves"));
            }
        }
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<usize>>()
    });
    let total: usize = per_client.iter().sum();
    assert!(total >= REQUESTS, "{total} requests");
    let status = gateway.admin("/status").json();
    assert_eq!(status["generation"], 41, "forty good reloads after the first load");
    assert_eq!(status["last_reload"]["ok"], false);
    let metrics = gateway.admin("/metrics");
    assert!(metrics.text().contains("sluicegate_config_reloads_total{result=\"failed\"} 10"), "{}", metrics.text());
    assert!(metrics.text().contains("sluicegate_config_last_reload_successful 0"), "{}", metrics.text());
}

#[test]
fn a_refused_reload_is_visible_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut gateway, path) = Gateway::of(folder.path(), &configuration(10, &["iris"]));
    replace(&path, "version: 1\nlistners: {}\n");
    gateway.wait_for("the mistake with its place", |line| line.contains("gateway.yaml:2:1"));
    gateway.post("/v2/models/iris/infer", BODY).expect(200);
    let admin = format!("http://{}", gateway.admin);
    let status = crate::support::sluicegate(&["status", "--admin", &admin]);
    assert_eq!(status.status.code(), Some(1));
    let text = crate::support::stdout(&status);
    assert!(text.contains("LAST RELOAD REFUSED") && text.contains("gateway.yaml:2:1"), "{text}");
}

#[test]
fn sighup_reloads() {
    let folder = tempfile::tempdir().unwrap();
    let (mut gateway, _) = Gateway::of(folder.path(), &configuration(10, &["iris"]));
    gateway.signal("HUP");
    gateway.wait_for("SIGHUP", |line| line.contains("SIGHUP: the configuration is what serves already"));
}

#[test]
fn a_swapped_link_reloads_as_kubernetes_config_maps_do() {
    // gateway.yaml -> ..data/gateway.yaml, and ..data -> a folder that is replaced by renaming another link over it.
    let folder = tempfile::tempdir().unwrap();
    let write = |version: &str, text: &str| {
        let folder = folder.path().join(version);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("gateway.yaml"), text).unwrap();
    };
    write("..1", &configuration(10, &["one"]));
    std::os::unix::fs::symlink("..1", folder.path().join("..data")).unwrap();
    std::os::unix::fs::symlink("..data/gateway.yaml", folder.path().join("gateway.yaml")).unwrap();
    let path = folder.path().join("gateway.yaml");
    let mut gateway = Gateway::serve(&["--config", path.to_str().unwrap()]);
    gateway.get("/v2/models/one").expect(200);
    for (round, name) in ["two", "three"].into_iter().enumerate() {
        let version = format!("..{}", round + 2);
        write(&version, &configuration(10, &[name]));
        std::os::unix::fs::symlink(&version, folder.path().join("..data_tmp")).unwrap();
        std::fs::rename(folder.path().join("..data_tmp"), folder.path().join("..data")).unwrap();
        gateway.wait_for("that a reload was installed", |line| line.contains("new configuration serves"));
        gateway.get(&format!("/v2/models/{name}")).expect(200);
    }
    gateway.get("/v2/models/one").expect(404);
}

#[test]
fn a_replaced_model_file_is_loaded_anew() {
    let folder = tempfile::tempdir().unwrap();
    let models = root().join("examples/quickstart/models");
    std::fs::copy(models.join("iris.onnx"), folder.path().join("model.onnx")).unwrap();
    let text = "version: 1\nlisteners: { local: { address: 127.0.0.1:0, authenticate: [anonymous] } }\nbackends: { local: { \
                protocol: embedded } }\nmodels: { m: { backend: local, source: model.onnx } }\n";
    let (mut gateway, _) = Gateway::of(folder.path(), text);
    assert_eq!(gateway.get("/v2/models/m").json()["inputs"][0]["shape"], serde_json::json!([-1, 4]));
    std::fs::copy(models.join("digits.onnx"), folder.path().join("new")).unwrap();
    std::fs::rename(folder.path().join("new"), folder.path().join("model.onnx")).unwrap();
    gateway.wait_for("that a reload was installed", |line| line.contains("new configuration serves"));
    assert_eq!(gateway.get("/v2/models/m").json()["inputs"][0]["shape"], serde_json::json!([-1, 64]));
}

#[test]
fn included_files_bring_their_teams_models() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("teams")).unwrap();
    let iris = root().join("examples/quickstart/models/iris.onnx");
    let team =
        |name: &str| format!("owner: risk\nmodels: {{ {name}: {{ backend: local, source: {} }} }}\n", iris.display());
    std::fs::write(folder.path().join("teams/risk.yaml"), team("credit")).unwrap();
    let text = format!("{}include: [teams/*.yaml]\n", configuration(10, &["iris"]));
    let (mut gateway, _) = Gateway::of(folder.path(), &text);
    gateway.get("/v2/models/credit/ready").expect(200);
    let models = gateway.admin("/models").json();
    let credit = models.as_array().unwrap().iter().find(|model| model["name"] == "credit").unwrap().clone();
    assert_eq!(credit["owner"], "risk");
    replace(&folder.path().join("teams/risk.yaml"), &team("fraud"));
    gateway.wait_for("that a reload was installed", |line| line.contains("new configuration serves"));
    gateway.get("/v2/models/fraud/ready").expect(200);
    gateway.get("/v2/models/credit/ready").expect(404);
}

#[test]
fn listeners_come_and_go_with_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let iris = root().join("examples/quickstart/models/iris.onnx");
    let text = |listeners: &str| {
        format!(
            "version: 1\nadmin: {{ address: 127.0.0.1:0 }}\nlisteners: {{ {listeners} }}\nbackends: {{ local: {{ protocol: \
             embedded }} }}\nmodels: {{ iris: {{ backend: local, source: {} }} }}\n",
            iris.display()
        )
    };
    let one = "a: { address: 127.0.0.1:0, authenticate: [anonymous] }";
    let port = crate::support::free_port();
    let two = format!("{one}, b: {{ address: 127.0.0.1:{port}, authenticate: [anonymous] }}");
    let path = folder.path().join("gateway.yaml");
    std::fs::write(&path, text(one)).unwrap();
    let mut gateway = Gateway::serve_as_configured(&["--config", path.to_str().unwrap()]);
    replace(&path, &text(&two));
    gateway.wait_for("that a reload was installed", |line| line.contains("new configuration serves"));
    let second = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    Client::connect(second).get("/v2/models/iris").expect(200);
    gateway.get("/v2/models/iris").expect(200);
    replace(&path, &text(one));
    gateway.wait_for("that a reload was installed", |line| line.contains("new configuration serves"));
    eventually("the removed listener refuses connections", || std::net::TcpStream::connect(second).is_err());
    gateway.get("/v2/models/iris").expect(200);
}

/// What may be lying there in place of a configuration.
#[test]
fn rel_02_whatever_lies_there_instead_the_last_good_configuration_serves() {
    let folder = tempfile::tempdir().unwrap();
    let (mut gateway, path) = Gateway::of(folder.path(), &configuration(10, &["iris"]));
    let good = configuration(10, &["iris"]);
    let half = &good[..good.len() / 2];
    let large = format!("# {}\n{good}", "x".repeat(17 << 20));
    let twice = good.replace("iris:", "iris: {}\n  iris:");
    let no_secret = good.replace("authenticate", "tls: { cert: no.pem, key: no.key }, authenticate");
    let cases: [(&str, &[u8]); 8] = [
        ("nothing", b""),
        ("half of it", half.as_bytes()),
        ("what is no YAML", b"a: [b"),
        ("what is no text", b"\xff\xfe\x00v"),
        ("an unknown key", b"version: 1\nnonsense: 1\n"),
        ("a name given twice", twice.as_bytes()),
        ("a secret that is not there", no_secret.as_bytes()),
        ("more than a file may have", large.as_bytes()),
    ];
    let check = || crate::support::sluicegate(&["check", path.to_str().unwrap()]);
    assert_eq!(check().status.code(), Some(0));
    for (what, bytes) in cases {
        std::fs::write(folder.path().join("new"), bytes).unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        let checked = check();
        assert_eq!(checked.status.code(), Some(1), "{what}");
        let told = crate::support::stdout(&checked);
        let first = told.lines().next().unwrap();
        // The gateway tells what `check` tells of this very file.
        eventually(&format!("{what} is refused: {first}"), || {
            let mistake = &gateway.admin("/status").json()["last_reload"]["mistakes"][0];
            mistake.as_str().is_some_and(|mistake| mistake.starts_with(first))
        });
        assert_eq!(gateway.admin("/status").json()["generation"], 1, "{what}");
        gateway.post("/v2/models/iris/infer", BODY).expect(200);
    }
    // No file at all; then the good one again.
    std::fs::remove_file(&path).unwrap();
    gateway.signal("HUP");
    gateway.wait_for("no file", |line| line.contains("SIGHUP: configuration refused, generation 1 serves on"));
    assert_ne!(check().status.code(), Some(0));
    replace(&path, &good);
    gateway.wait_for("the good one", |line| line.contains("is what serves already"));
    assert!(gateway.admin("/metrics").text().contains("sluicegate_config_last_reload_successful 1"));
}
