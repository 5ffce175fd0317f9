//! What the doctor and the metrics say of endpoints that are found.

use std::time::Duration;

use serde_json::Value;
use sluicegate_testkit::certs::Authority;

use super::behind::{Front, Servers, configuration};
use super::dnsmasq::Dns;
use crate::support::{eventually, sluicegate};

/// What the doctor says of one backend that is written so, and its exit code.
fn doctor(folder: &std::path::Path, backend: &str) -> (Option<i32>, Vec<Value>) {
    let path = folder.join("gateway.yaml");
    std::fs::write(&path, configuration(backend)).unwrap();
    // Nobody listens there.
    let output =
        sluicegate(&["doctor", "--config", path.to_str().unwrap(), "--admin", "http://127.0.0.1:9", "-o", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code(), report["endpoints"].as_array().unwrap().clone())
}

fn named(all: &[Value]) -> Vec<&str> {
    all.iter().map(|one| one["endpoint"].as_str().unwrap()).collect()
}

#[test]
fn the_doctor_tries_what_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let servers = Servers::start(folder.path());
    let dns = Dns::start(folder.path(), &[("model.test", "127.0.0.1"), ("model.test", "127.0.0.2")]);
    let list = folder.path().join("list.yaml");
    // One of them is found twice.
    std::fs::write(&list, format!("- http://127.0.0.2:{port}\n- http://127.0.0.3:{port}\n", port = servers.port))
        .unwrap();
    let source = |name: &str| format!("{{ dns: \"http://{name}:{}\", resolver: \"{}\" }}", servers.port, dns.address());
    let backend = |sources: &str| format!("protocol: oip-rest, endpoints: [{sources}]");

    let (code, all) =
        doctor(folder.path(), &backend(&format!("{}, {{ file: {} }}", source("model.test"), list.to_str().unwrap())));
    assert_eq!(named(&all), servers.at(&[1, 2, 3]), "{all:#?}");
    assert!(all.iter().all(|one| one["ok"] == true && one["models"][0]["ready"] == true), "{all:#?}");
    assert_eq!(code, Some(0));

    // A name that nobody knows is told beside those that are well.
    let (code, all) = doctor(folder.path(), &backend(&format!("{}, {}", source("model.test"), source("other.test"))));
    let other = format!("dns other.test:{}", servers.port);
    assert_eq!(named(&all), [&servers.at(&[1, 2])[..], std::slice::from_ref(&other)].concat());
    let finding = &all[2]["findings"][0];
    assert_eq!((&finding["level"], &all[2]["ok"]), (&"broken".into(), &false.into()), "{finding}");
    assert!(finding["advice"].as_str().unwrap().contains("resolver"), "{finding}");
    assert_eq!(code, Some(1));
}

#[test]
fn metrics_tell_of_sources_and_of_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let servers = Servers::start(folder.path());
    let mut dns = Dns::start(folder.path(), &[("model.test", "127.0.0.1"), ("model.test", "127.0.0.2")]);
    let name = format!("dns model.test:{}", servers.port);
    let front = Front::by_name(folder.path(), &servers, &dns);
    let metric = |metric: &str| {
        let metrics = front.0.admin("/metrics");
        let start = format!("sluicegate_{metric}{{backend=\"b\",source=\"{name}\"}} ");
        metrics.text().lines().find_map(|line| line.strip_prefix(&start)?.parse::<f64>().ok())
    };
    assert_eq!((metric("source_endpoints"), metric("source_failing")), (Some(2.0), Some(0.0)));
    dns.stop();
    eventually("the source fails", || metric("source_failing") == Some(1.0));
    assert_eq!(metric("source_endpoints"), Some(2.0), "what was found is kept");
    let age = metric("source_age_seconds").unwrap();
    eventually("it grows older", || metric("source_age_seconds").is_some_and(|later| later > age));

    let ends = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    let pair = Authority::new("ca").issue_until(&["localhost"], ends);
    std::fs::write(folder.path().join("cert.pem"), &pair.certificate).unwrap();
    std::fs::write(folder.path().join("key.pem"), &pair.key).unwrap();
    let text = configuration("protocol: oip-rest, endpoints: [\"http://127.0.0.1:9\"]")
        .replace("authenticate", "tls: { cert: cert.pem, key: key.pem }, authenticate");
    let (secured, _) = crate::support::Gateway::of(folder.path(), &text);
    let metrics = secured.admin("/metrics");
    let line = "sluicegate_certificate_expires_timestamp_seconds{listener=\"l\"} 4000000000";
    assert!(metrics.text().lines().any(|found| found.starts_with(line)), "{}", metrics.text());
}
