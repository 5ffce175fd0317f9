//! Certificates that end: told before, and what happens when it comes to that.

use std::time::{Duration, SystemTime};

use sluicegate_testkit::certs::Authority;

use super::{configuration, write};
use crate::doctor::broken::{backend, serve};
use crate::support::{Gateway, eventually};

const BODY: &str = r#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}"#;

/// The machine's own time, as those read it who refuse certificates.
#[expect(clippy::disallowed_methods, reason = "certificates end by the machine's own time")]
fn after(time: Duration) -> SystemTime {
    SystemTime::now() + time
}

#[test]
fn the_log_and_the_status_say_when_a_certificate_ends() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("test");
    let end = after(Duration::from_secs(5 * 86_400 + 3600));
    write(folder.path(), "server", &authority.issue_until(&["localhost"], end));
    let (mut gateway, _) = Gateway::of(folder.path(), &configuration());
    let words = "the certificate of listener `l` (CN=localhost) expires in 5 days";
    if !gateway.said.iter().any(|line| line.contains(words)) {
        gateway.wait_for("that it expires", |line| line.contains(words));
    }
    let expires = |gateway: &Gateway| {
        gateway.admin("/status").expect(200).json()["listeners"][0]["certificate_expires"].as_u64().unwrap()
    };
    let seconds = end.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(expires(&gateway), seconds);
    // Renewed, in the same files.
    write(folder.path(), "server", &authority.issue_between(&["localhost"], 2020, 2200));
    eventually("the new one is shown", || expires(&gateway) > seconds);
}

/// U-13.
#[test]
fn a_model_server_whose_certificate_ends_while_it_serves_is_the_only_one_that_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("test");
    std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    let name = &["127.0.0.1"];
    let ending = authority.issue_until(name, after(Duration::from_secs(10)));
    // Each answer ends its connection, so that every request needs another.
    let fields = "connection: close\r\n";
    let tls = ", binary: never, eject: { failures: 0 }, tls: { ca: ca.pem }";
    let backends = [
        backend("ending", "https", serve(Some(&ending), fields), tls),
        backend("lasting", "https", serve(Some(&authority.issue(name)), fields), tls),
    ];
    let text = format!(
        "version: 1\nlisteners: {{ l: {{ address: 127.0.0.1:0, authenticate: [anonymous] }} }}\nbackends:\n{}models: {{ ending: {{ \
         backend: ending }}, lasting: {{ backend: lasting }} }}\n",
        backends.concat()
    );
    let (gateway, _) = Gateway::of(folder.path(), &text);
    let ready = |model: &str| gateway.get(&format!("/v2/models/{model}/ready")).status;
    assert_eq!((ready("ending"), ready("lasting")), (200, 200));
    eventually("its certificate is refused", || ready("ending") == 503);
    assert_eq!(ready("lasting"), 200);
    gateway.post("/v2/models/ending/infer", BODY).expect(503);
    let record = gateway.wait_for_record(|record| record["model"] == "ending" && record["operation"] == "infer");
    assert!(record["cause"].as_str().is_some_and(|cause| cause.contains("has expired on ")), "{record}");
}
