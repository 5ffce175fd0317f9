//! The end of a gateway: readiness off first, requests under way finished.

use crate::http::Client;
use crate::support::{Gateway, root};

fn configuration(delay: &str) -> String {
    format!(
        "version: 1\nshutdown: {{ delay: {delay}, grace: 20s }}\nlisteners: {{ local: {{ address: 127.0.0.1:0, authenticate: \
         [anonymous] }} }}\nbackends: {{ local: {{ protocol: embedded }} }}\nmodels: {{ iris: {{ backend: local, source: {} }} }}\n",
        root().join("examples/quickstart/models/iris.onnx").display()
    )
}

#[test]
fn readiness_goes_off_before_the_listeners_close() {
    let folder = tempfile::tempdir().unwrap();
    let (mut gateway, _) = Gateway::of(folder.path(), &configuration("3s"));
    gateway.admin("/readyz").expect(200);
    gateway.signal("TERM");
    gateway.wait_for("that it shuts down", |line| line.contains("shutting down"));
    gateway.admin("/readyz").expect(503);
    gateway.admin("/livez").expect(200);
    // Still serving: a balancer needs a moment to see that readiness is off.
    gateway.get("/v2/models/iris").expect(200);
    gateway.get("/v2/health/ready").expect(503);
    assert!(gateway.wait().success());
}

#[test]
fn a_request_under_way_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let (mut gateway, _) = Gateway::of(folder.path(), &configuration("0"));
    let body = r#"{"inputs":[{"name":"features","shape":[1,4],"datatype":"FP32","data":[5.1,3.4,1.5,0.2]}]}"#;
    let (first, rest) = body.split_at(20);
    // The head and half of the body before the signal, the rest after it.
    let mut client = Client::connect(gateway.data);
    client.begin("POST", "/v2/models/iris/infer", body.len(), first.as_bytes());
    gateway.wait_until_in_flight(1);
    gateway.signal("TERM");
    gateway.wait_for("that it shuts down", |line| line.contains("shutting down"));
    client.finish(rest.as_bytes()).expect(200);
    assert!(gateway.wait().success());
}

#[test]
fn a_second_signal_does_not_wait() {
    let folder = tempfile::tempdir().unwrap();
    let (mut gateway, _) = Gateway::of(folder.path(), &configuration("60s"));
    gateway.signal("TERM");
    gateway.wait_for("that it shuts down", |line| line.contains("shutting down"));
    gateway.signal("TERM");
    assert_eq!(gateway.wait().code(), Some(1));
}
