//! Endpoints with something wrong, one kind each, and what is said of a gateway that runs.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;
use sluicegate_testkit::certs::{Authority, Issued};

use super::{assert_found, configuration, doctor, of};
use crate::support::{Gateway, eventually, sluicegate, stderr};

const DAY: u64 = 86_400;

/// A date of long ago.
const PAST: &str = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

/// A model server of few words, which ends with the test's process. Where it listens.
pub(crate) fn serve(tls: Option<&Issued>, fields: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = tls.map(|pair| {
        let chain = CertificateDer::pem_slice_iter(pair.certificate.as_bytes()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap())
    });
    std::thread::spawn(move || {
        for stream in listener.incoming().filter_map(Result::ok) {
            let config = config.clone();
            std::thread::spawn(move || match config {
                None => answer(stream, fields),
                Some(config) => {
                    answer(StreamOwned::new(ServerConnection::new(config).unwrap(), stream), fields);
                }
            });
        }
    });
    port
}

/// Answers whatever is asked, one request after the other, until the other side has enough.
fn answer(mut stream: impl Read + Write, fields: &str) {
    let mut text = String::new();
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        // The question for the list of models has a body of two bytes.
        if text.ends_with("\r\n\r\n") && !text.starts_with("POST") || text.ends_with("\r\n\r\n{}") {
            let body = r#"{"name":"scripted","version":"9","extensions":["binary_tensor_data"]}"#;
            let head = format!("HTTP/1.1 200 OK\r\n{fields}content-length: {}\r\n\r\n", body.len());
            if stream.write_all(format!("{head}{body}").as_bytes()).and_then(|()| stream.flush()).is_err() {
                return;
            }
            text.clear();
        }
    }
}

pub(crate) fn backend(name: &str, scheme: &str, port: u16, tls: &str) -> String {
    format!("  {name}: {{ protocol: oip-rest, endpoints: [\"{scheme}://127.0.0.1:{port}\"]{tls} }}\n")
}

fn model(backend: &str) -> String {
    format!("  of-{backend}: {{ backend: {backend} }}\n")
}

#[expect(clippy::disallowed_methods, reason = "certificates end by the machine's own time")]
fn in_days(days: u64) -> SystemTime {
    // An hour more, so that the days are whole when they are counted.
    SystemTime::now() + Duration::from_secs(days * DAY + 3600)
}

/// A port that refuses connections: it is taken, so that nobody else gets it meanwhile, and nobody listens.
fn refusing() -> (tokio::net::TcpSocket, u16) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

#[test]
fn what_refuses_hangs_or_lives_in_another_time_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    // The system takes its connections, and nobody ever reads from them.
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_taken, refusing) = refusing();
    let backends = [
        backend("refusing", "http", refusing, ""),
        backend("hanging", "http", hanging.local_addr().unwrap().port(), ""),
        backend("late", "http", serve(None, PAST), ""),
        backend("good", "http", serve(None, ""), ""),
        "  nameless: { protocol: oip-rest, endpoints: [\"http://no-such-host.invalid:80\"] }\n".to_owned(),
    ];
    let models = ["refusing", "hanging", "late", "good", "nameless"].map(model).concat();
    let config = configuration(folder.path(), &backends.concat(), &models);
    let (code, report) = doctor(&config, &[]);
    assert_eq!(code, Some(1));
    assert_found(of(&report, "refusing"), "broken", "no connection: ");
    assert_found(of(&report, "hanging"), "broken", "it takes connections, but no answer came");
    assert_found(of(&report, "nameless"), "broken", "its name ");
    assert_found(of(&report, "late"), "warning", "hours behind this machine's");
    assert!(of(&report, "late")["clock_ahead_seconds"].as_i64().unwrap() < -1_000_000);
    let good = of(&report, "good");
    assert_eq!((&good["ok"], &good["software"]), (&json!(true), &json!("scripted 9")), "{good:#}");
    // Of one backend alone it is good news.
    let (code, report) = doctor(&config, &["good"]);
    assert_eq!((code, report["endpoints"].as_array().unwrap().len()), (Some(0), 1));
}

#[test]
fn certificates_are_read_before_they_end() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, other) = (Authority::new("test"), Authority::new("other"));
    std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    let own = authority.issue_until(&["gateway"], in_days(20));
    std::fs::write(folder.path().join("own.pem"), &own.certificate).unwrap();
    std::fs::write(folder.path().join("own.key"), &own.key).unwrap();
    let name = &["127.0.0.1"];
    let shown = [
        ("good", authority.issue(name)),
        ("month", authority.issue_until(name, in_days(29))),
        ("week", authority.issue_until(name, in_days(6))),
        ("hours", authority.issue_until(name, in_days(0))),
        ("expired", authority.issue_between(name, 2010, 2020)),
        ("misnamed", authority.issue(&["elsewhere.test"])),
        ("stranger", other.issue(name)),
    ];
    let mut backends: String = shown
        .iter()
        .map(|(name, pair)| backend(name, "https", serve(Some(pair), ""), ", tls: { ca: ca.pem }"))
        .collect();
    let presenting = serve(Some(&authority.issue(name)), "");
    backends += &backend("presenting", "https", presenting, ", tls: { ca: ca.pem, cert: own.pem, key: own.key }");
    backends += &backend("plain", "http", serve(Some(&authority.issue(name)), ""), "");
    let models: String = shown.iter().map(|(name, _)| model(name)).collect();
    let (code, report) = doctor(&configuration(folder.path(), &backends, &models), &[]);
    assert_eq!(code, Some(1));
    let good = of(&report, "good");
    assert_eq!(good["ok"], true, "{good:#}");
    assert!(good["handshake_ms"].is_number() && good["certificate_expires"].is_number(), "{good:#}");
    assert_found(of(&report, "month"), "warning", "expires in 29 days");
    assert_found(of(&report, "week"), "urgent", "expires in 6 days");
    assert_found(of(&report, "hours"), "broken", "minutes, on ");
    assert_found(of(&report, "expired"), "broken", "has expired on 2020-01-01");
    assert_found(of(&report, "misnamed"), "broken", "is not for 127.0.0.1 (`tls.name`), but for ");
    assert_found(of(&report, "misnamed"), "broken", "elsewhere.test");
    assert_found(of(&report, "stranger"), "broken", "not issued by anybody who is trusted");
    assert_found(
        of(&report, "presenting"),
        "warning",
        "the gateway's own certificate for it (CN=gateway) expires in 20 days",
    );
    assert_found(of(&report, "plain"), "broken", "write `https://` in place of `http://`");
}

#[test]
fn the_gateway_itself_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Authority::new("test").issue_until(&["127.0.0.1"], in_days(3));
    write(folder.path(), "server.pem", &pair.certificate);
    write(folder.path(), "server.key", &pair.key);
    let text = "version: 1\nadmin: { address: \"127.0.0.1:0\" }\noverload: { memory: 60000GiB }\nlisteners: { l: { address: \
                127.0.0.1:0, authenticate: [anonymous], tls: { cert: server.pem, key: server.key }, limits: { connections: \
                1000000 } }, m: { address: 127.0.0.1:0, authenticate: [anonymous], limits: { connections: 1000000 } } }\n\
                backends: { local: { protocol: embedded } }\nmodels: {}\n";
    write(folder.path(), "gateway.yaml", text);
    let config = folder.path().join("gateway.yaml");
    let (code, report) = doctor(config.to_str().unwrap(), &[]);
    assert_eq!(code, Some(1));
    let itself = json!({ "findings": report["gateway"] });
    assert_found(&itself, "urgent", "the certificate of listener `l` (CN=127.0.0.1) expires in 3 days");
    assert_found(&itself, "warning", "`overload.memory` is ");
}

#[test]
fn a_configuration_that_cannot_be_read_is_another_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let config = configuration(folder.path(), "  a: { protocol: embedded }\n", "  m: { backend: b, source: m.onnx }\n");
    let output = sluicegate(&["doctor", "--config", &config]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("gateway.yaml:"), "{}", stderr(&output));
    let output = sluicegate(&["doctor", "--config", "no-such-file.yaml"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_running_gateway_says_what_it_has_left_out_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let (_taken, refusing) = refusing();
    // The only endpoint of a backend is never left out.
    let backends = format!(
        "  gone: {{ protocol: oip-rest, balance: round_robin, eject: {{ failures: 2, time: 1h, most: 100% }}, endpoints: \
         [\"http://127.0.0.1:{}\", \"http://127.0.0.1:{}\"] }}\n",
        refusing,
        serve(None, "")
    );
    let config = configuration(folder.path(), &backends, "  m: { backend: gone }\n");
    let gateway = Gateway::serve(&["--config", &config]);
    eventually("the endpoint is left out", || {
        gateway.post("/v2/models/m/infer", r#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}"#);
        let status = gateway.admin("/status").expect(200).json();
        status["backends"][0]["endpoints"][0]["state"] != "up"
    });
    let admin = format!("http://{}", gateway.admin);
    let (code, report) = doctor(&config, &["--admin", &admin]);
    assert_eq!((code, &report["running"]), (Some(1), &json!(true)));
    assert_found(of(&report, "gone"), "broken", "no connection: ");
    assert_found(of(&report, "gone"), "warning", "the running gateway has it ");
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}
