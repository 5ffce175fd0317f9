//! What of a client's headers and metadata reaches a gRPC server that shows what it got, and what of the server's comes
//! back; deadlines and status on the way.

use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Gateway, Peer, eventually, free_port, peer, root, script};

struct World {
    gateway: Gateway,
    _server: Peer,
    _folder: TempDir,
}

fn world() -> World {
    let (python, port) = (peer("SLUICEGATE_PYTHON_CLIENTS"), free_port());
    let folder = tempfile::tempdir().unwrap();
    let served = root().join("tests/python/metadata_peer.py");
    let command = [&python, served.to_str().unwrap(), "serve", "--port", &port.to_string()];
    let mut server = Peer::start(&python, &command, folder.path());
    eventually("the server listens", || {
        assert!(!server.ended());
        TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).is_ok()
    });
    let text = format!(
        r#"
version: 1
listeners:
  local: {{ address: 127.0.0.1:0, authenticate: [anonymous], limits: {{ head: 64KiB }} }}
backends: {{ shows: {{ protocol: oip-grpc, endpoints: ["grpc://127.0.0.1:{port}"] }} }}
models: {{ mine: {{ backend: shows, model: theirs, timeout: 7s }} }}
"#
    );
    let (gateway, _) = Gateway::of(folder.path(), &text);
    World { gateway, _server: server, _folder: folder }
}

/// Calls over gRPC and gives back the client's report.
fn call(world: &World, arguments: &[&str]) -> Value {
    let address = world.gateway.data.to_string();
    script("SLUICEGATE_PYTHON_CLIENTS", "metadata_peer.py", &[&["call", address.as_str(), "mine"], arguments].concat())
}

/// The values of a name in a list of pairs.
fn of<'a>(pairs: &'a Value, name: &str) -> Vec<&'a str> {
    let pairs = pairs.as_array().unwrap().iter();
    pairs.filter(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap()).collect()
}

const KEPT_BACK: [&str; 7] = [
    "authorization:secret",
    "x_api_key:secret",
    "cookie:secret",
    "x-forwarded-for:10.9.9.9",
    "x_real_ip:10.9.9.9",
    "x-sluicegate-user:root",
    "seldon-model:other",
];

#[test]
fn h_20_two_credentials_are_refused_in_grpcs_own_form() {
    let world = world();
    let report = call(&world, &["--metadata", "authorization:secret", "--metadata", "x-api-key:secret"]);
    assert_eq!(report["code"], "INVALID_ARGUMENT", "{report}");
    assert_eq!(report["message"], "the request carries more than one credential", "{report}");
}

#[test]
fn metadata_reaches_a_grpc_server_and_its_own_comes_back() {
    let world = world();
    let mut arguments = vec!["--metadata", "x-note:a", "--metadata", "x-note:b", "--metadata", "x-note-bin:00ff10"];
    for pair in KEPT_BACK {
        arguments.extend(["--metadata", pair]);
    }
    let report = call(&world, &arguments);
    assert_eq!(report["code"], "OK", "{report}");
    let received = &report["received"];
    assert_eq!((of(received, "x-note"), of(received, "x-note-bin")), (vec!["a", "b"], vec!["00ff10"]), "{report}");
    assert!(!received.to_string().contains("secret") && !received.to_string().contains("10.9.9.9"), "{report}");
    for pair in KEPT_BACK {
        let name = pair.split(':').next().unwrap();
        // The gateway's own word on who the client is takes the place of the client's.
        let own = if name == "x-forwarded-for" { vec!["127.0.0.1"] } else { Vec::new() };
        assert_eq!(of(received, name), own, "{report}");
    }
    assert_eq!((of(received, "x-request-id").len(), of(received, "traceparent").len()), (1, 1), "{report}");

    let (initial, trailing) = (&report["initial"], &report["trailing"]);
    assert_eq!((of(initial, "x-first"), of(initial, "x-first-bin")), (vec!["one", "two"], vec!["00ff10"]), "{report}");
    assert_eq!((of(trailing, "x-last"), of(trailing, "x-last-bin")), (vec!["three"], vec!["fe00"]), "{report}");
    assert_eq!((of(initial, "sluicegate-model"), of(initial, "sluicegate-version")), (vec!["mine"], vec!["1"]));
    for hidden in ["set-cookie", "x-sluicegate-model", "x-forwarded-for", "authorization"] {
        assert!(of(initial, hidden).is_empty() && of(trailing, hidden).is_empty(), "{hidden}: {report}");
    }
}

#[test]
fn metadata_larger_than_8_kib_passes_where_the_listener_takes_it() {
    let world = world();
    let long = format!("x-long:{}", "v".repeat(20_000));
    let report = call(&world, &["--metadata", &long]);
    assert_eq!(of(&report["received"], "x-long").first().map(|value| value.len()), Some(20_000), "{}", report["code"]);
    let longer = format!("x-long:{}", "v".repeat(70_000));
    let report = call(&world, &["--metadata", &longer]);
    assert_ne!(report["code"], "OK");
}

#[test]
fn headers_become_metadata_and_metadata_headers() {
    let world = world();
    let body = br#"{"inputs":[]}"#;
    let headers = [
        ("x-note", "a"),
        ("x-note-bin", "AP8Q"),
        ("x-broken-bin", "no base64"),
        ("authorization", "secret"),
        ("content-type", "application/json"),
    ];
    let answer = world.gateway.client().send("POST", "/v2/models/mine/infer", &headers, body).expect(200);
    let told = answer.json();
    let output = |name: &str| {
        let outputs = told["outputs"].as_array().unwrap();
        outputs.iter().find(|output| output["name"] == name).unwrap()["data"].as_array().unwrap().clone()
    };
    let pairs: Vec<Value> =
        output("names").into_iter().zip(output("values")).map(|(name, value)| json!([name, value])).collect();
    let received = Value::Array(pairs);
    assert_eq!((of(&received, "x-note"), of(&received, "x-note-bin")), (vec!["a"], vec!["00ff10"]), "{received}");
    assert!(of(&received, "x-broken-bin").is_empty() && of(&received, "authorization").is_empty(), "{received}");
    for (name, value) in
        [("x-first-bin", "AP8Q"), ("x-last", "three"), ("x-last-bin", "/gA"), ("sluicegate-version", "1")]
    {
        assert_eq!(answer.header(name).map(|value| value.trim_end_matches('=')), Some(value), "{name}");
    }
    assert_eq!(answer.header("content-type"), Some("application/json"));
    for hidden in ["set-cookie", "authorization", "x-forwarded-for", "grpc-status", "grpc-encoding"] {
        assert_eq!(answer.header(hidden), None, "{hidden}");
    }
}

#[test]
fn a_status_comes_through_with_message_and_details() {
    let world = world();
    let report = call(&world, &["--id", "fail"]);
    assert_eq!(report["code"], "OUT_OF_RANGE", "{report}");
    assert!(report["message"].as_str().unwrap().starts_with("100% für nichts"), "{report}");
    let trailing = &report["trailing"];
    assert_eq!(of(trailing, "grpc-status-details-bin"), ["080312046e6f7065"], "{report}");
    assert_eq!((of(trailing, "x-last"), of(trailing, "authorization")), (vec!["three"], vec![]), "{report}");
    let report = call(&world, &["--id", "address"]);
    assert_eq!(of(&report["trailing"], "grpc-status-details-bin"), Vec::<&str>::new(), "{report}");
    // Over REST the same is a status and a text.
    let answer = world.gateway.post("/v2/models/mine/infer", r#"{"id":"fail","inputs":[]}"#).expect(400);
    assert!(answer.json()["error"].as_str().unwrap().starts_with("100% für nichts"), "{}", answer.text());
    assert_eq!((answer.header("x-last"), answer.header("grpc-status-details-bin")), (Some("three"), None));
}

#[test]
fn the_time_a_server_is_given_is_the_shorter_of_two() {
    let world = world();
    let given = |seconds: &str| call(&world, &["--timeout", seconds])["seconds"].as_f64().unwrap();
    let (clamped, own) = (given("60"), given("5"));
    assert!(clamped > 0.0 && clamped <= 7.0, "{clamped}");
    assert!(own > 0.0 && own < 5.0, "{own}");
}
