//! Certificates and keys before anything is served: what `check` says, and that no key is shown anywhere.

use sluicegate_testkit::certs::{Authority, Issued};

use super::{configuration, write};
use crate::support::{Gateway, sluicegate, stdout};

#[test]
fn check_reads_certificates_and_keys() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("test");
    let path = folder.path().join("gateway.yaml");
    std::fs::write(&path, configuration()).unwrap();
    let check = || {
        let output = sluicegate(&["check", path.to_str().unwrap()]);
        (output.status.code(), stdout(&output))
    };
    let (code, text) = check();
    assert!(code == Some(1) && text.contains("cannot be read"), "{text}");

    let good = authority.issue(&["localhost"]);
    write(folder.path(), "server", &good);
    let (code, text) = check();
    assert!(code == Some(0) && text.contains("good"), "{text}");

    write(folder.path(), "server", &Issued { key: authority.issue(&["localhost"]).key, ..good.clone() });
    let (code, text) = check();
    assert!(code == Some(1) && text.contains("the key does not belong to the certificate"), "{text}");
    assert!(text.contains("gateway.yaml:2:"), "with its place: {text}");

    write(folder.path(), "server", &authority.issue_between(&["localhost"], 2010, 2020));
    let (code, text) = check();
    assert!(code == Some(0) && text.contains("warning: the certificate, or one behind it, has expired"), "{text}");

    // What a backend needs is read as well.
    write(folder.path(), "server", &good);
    let backend = "  far: { protocol: oip-rest, endpoints: [\"https://far.test\"], tls: { ca: server.key } }\nmodels: { far: { \
                   backend: far }, iris:";
    let text = configuration().replace(
        "backends: { local: { protocol: embedded } }\nmodels: { iris:",
        &format!("backends:\n  local: {{ protocol: embedded }}\n{backend}"),
    );
    std::fs::write(&path, text).unwrap();
    let (code, text) = check();
    assert!(code == Some(1) && text.contains("the file holds no certificate in PEM"), "{text}");
}

#[test]
fn keys_are_shown_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("test");
    let (good, other) = (authority.issue(&["localhost"]), authority.issue(&["localhost"]));
    write(folder.path(), "server", &good);
    let path = folder.path().join("gateway.yaml");
    std::fs::write(&path, configuration()).unwrap();
    let (mut gateway, _) = Gateway::of(folder.path(), &configuration());
    // Refused reloads say most: a key of another pair, and one that is cut in two.
    for key in [other.key.as_str(), &good.key[..good.key.len() / 2]] {
        std::fs::write(folder.path().join("server.key"), key).unwrap();
        gateway.wait_for("the mistake", |line| line.contains("gateway.yaml:2:"));
    }
    let mut shown = gateway.said.join("\n");
    for page in ["/status", "/metrics", "/models"] {
        shown.push_str(gateway.admin(page).text());
    }
    shown.push_str(&stdout(&sluicegate(&["check", path.to_str().unwrap()])));
    let secrets = good.key.lines().chain(other.key.lines()).filter(|line| !line.starts_with("-----"));
    for line in secrets {
        assert!(!shown.contains(line), "a line of a key is shown");
    }
}
