//! Names whose addresses are the endpoints.

use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sluicegate_testkit::certs::Authority;

use super::behind::{BODY, Front, Servers, configuration};
use super::dnsmasq::Dns;
use crate::http::Client;
use crate::support::{eventually, sluicegate, stderr, stdout};

#[test]
fn names_change_while_requests_run_and_nothing_fails() {
    let folder = tempfile::tempdir().unwrap();
    let servers = Servers::start(folder.path());
    let dns = Dns::start(folder.path(), &[("model.test", "127.0.0.1")]);
    let front = Front::by_name(folder.path(), &servers, &dns);
    front.wait_for_endpoints(&servers.at(&[1]));
    let (stop, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let address = front.0.data;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = Client::connect(address);
                while !stop.load(Ordering::Relaxed) {
                    let answer = client.post("/v2/models/iris/infer", BODY).expect(200);
                    assert!(answer.text().contains("setosa"), "{}", answer.text());
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let _stop = Stop(&stop);
        for last in [&[1_u8, 2, 3][..], &[2], &[2, 3], &[1], &[1, 3]] {
            let names: Vec<_> = last.iter().map(|nth| ("model.test", format!("127.0.0.{nth}"))).collect();
            let names: Vec<_> = names.iter().map(|(name, address)| (*name, address.as_str())).collect();
            dns.now_knows(&names);
            front.wait_for_endpoints(&servers.at(last));
            eventually("each of them is called", || {
                let backend = front.backend();
                backend["endpoints"].as_array().unwrap().iter().all(|endpoint| endpoint["calls"].as_u64().unwrap() > 0)
            });
        }
    });
    assert!(answered.load(Ordering::Relaxed) > 100, "{answered:?}");
    let backend = front.backend();
    let failures =
        backend["endpoints"].as_array().unwrap().iter().map(|endpoint| endpoint["failures"].as_u64().unwrap());
    assert_eq!(failures.sum::<u64>(), 0, "{backend}");
}

#[test]
fn what_was_found_last_holds_while_the_server_is_down_or_knows_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let servers = Servers::start(folder.path());
    let mut dns = Dns::start(folder.path(), &[("model.test", "127.0.0.1"), ("model.test", "127.0.0.2")]);
    let mut front = Front::by_name(folder.path(), &servers, &dns);
    // A name without addresses.
    dns.now_knows(&[]);
    assert_eq!(front.wait_for_failure(), "there are no endpoints");
    assert_eq!(front.endpoints(), servers.at(&[1, 2]));
    front.0.wait_for("that what was found is kept", |line| line.contains("what was found before is kept"));
    dns.now_knows(&[("model.test", "127.0.0.2")]);
    front.wait_for_endpoints(&servers.at(&[2]));
    front.wait_until_good();
    // No server.
    dns.stop();
    let why = front.wait_for_failure();
    assert!(why.contains("DNS server") || why.contains("no answer"), "{why}");
    assert_eq!(front.endpoints(), servers.at(&[2]));
    front.ask();
    let admin = format!("http://{}", front.0.admin);
    let shown = stdout(&sluicegate(&["status", "--admin", &admin]));
    let line = shown.lines().find(|line| line.contains("dns model.test")).unwrap_or_else(|| panic!("{shown}"));
    assert!(line.contains("failing: "), "{line}");
    // It comes back.
    dns.start_again(&[("model.test", "127.0.0.3")], &[]);
    front.wait_for_endpoints(&servers.at(&[3]));
    front.wait_until_good();
    front.ask();
    let said = front.0.said.iter().filter(|line| line.contains("what was found before is kept")).count();
    assert!(said <= 2, "each trouble is told once: {:?}", front.0.said);
}

#[test]
fn a_name_that_is_not_there_at_the_start_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let servers = Servers::start(folder.path());
    let dns = Dns::start(folder.path(), &[]);
    let front = Front::by_name(folder.path(), &servers, &dns);
    front.0.admin("/readyz").expect(200);
    let refused = front.0.post("/v2/models/iris/infer", BODY).expect(503);
    assert!(refused.text().contains("no server of the model is known"), "{}", refused.text());
    assert!(!refused.text().contains("model.test"), "{}", refused.text());
    assert_eq!(refused.header("retry-after"), Some("1"));
    front.0.get("/v2/models/iris/ready").expect(503);
    let record = front.0.wait_for_record(|record| record["status"] == 503 && record["cause"].is_string());
    assert!(record["cause"].as_str().unwrap().contains("dns model.test"), "{record}");
    dns.now_knows(&[("model.test", "127.0.0.2")]);
    front.wait_for_endpoints(&servers.at(&[2]));
    front.ask();
}

#[test]
fn all_addresses_of_a_name_are_endpoints_but_no_more_than_a_thousand() {
    let folder = tempfile::tempdir().unwrap();
    let addresses: Vec<String> = (0..1001_u16).map(|nth| format!("198.18.{}.{}", nth / 250, nth % 250 + 1)).collect();
    let mut names: Vec<(&str, &str)> = addresses.iter().map(|address| ("many.test", address.as_str())).collect();
    names.extend([("both.test", "198.18.0.1"), ("both.test", "2001:db8::1"), ("both.test", "169.254.169.254")]);
    let dns = Dns::start(folder.path(), &names);
    let source = |name: &str| format!("{{ dns: \"http://{name}:80\", resolver: \"{}\" }}", dns.address());
    let text = format!(
        "version: 1\nlisteners: {{ l: {{ address: 127.0.0.1:0, authenticate: [anonymous] }} }}\nbackends:\n  both: {{ protocol: \
         oip-rest, endpoints: [{both}] }}\n  grpc: {{ protocol: oip-grpc, endpoints: [{both}, \"http://198.18.0.1:80\"] }}\n  many: \
         {{ protocol: oip-rest, endpoints: [{many}] }}\nmodels: {{ a: {{ backend: both }}, b: {{ backend: many }}, c: {{ backend: \
         grpc }} }}\n",
        both = source("both.test"),
        many = source("many.test"),
    );
    let front = Front(crate::support::Gateway::of(folder.path(), &text).0);
    // What is left out: where a cloud tells its machines their secrets.
    assert_eq!(front.endpoints(), ["198.18.0.1:80", "[2001:db8::1]:80"]);
    let status = front.0.admin("/status").json();
    let grpc = &status["backends"][1];
    assert_eq!(grpc["endpoints"].as_array().unwrap().len(), 2, "one address, found in two ways: {grpc}");
    let many = &status["backends"][2];
    assert_eq!(many["endpoints"].as_array().unwrap().len(), 1000);
    assert_eq!(many["sources"][0]["left_out"], 1, "{}", many["sources"]);
}

#[test]
fn requests_and_certificates_are_for_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("test");
    std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    let issued = authority.issue(&["model.test"]);
    std::fs::write(folder.path().join("server.pem"), &issued.certificate).unwrap();
    std::fs::write(folder.path().join("server.key"), &issued.key).unwrap();
    let servers = Servers::start_with(folder.path(), ", tls: { cert: server.pem, key: server.key }");
    let dns = Dns::start(folder.path(), &[("model.test", "127.0.0.2"), ("other.test", "127.0.0.2")]);
    // Over HTTP/1.1 and over HTTP/2.
    for (protocol, scheme) in [("oip-rest", "https"), ("oip-grpc", "grpcs")] {
        let backend = |name: &str| {
            format!(
                "protocol: {protocol}, tls: {{ ca: ca.pem }}, endpoints: [{{ dns: \"{scheme}://{name}:{}\", resolver: \"{}\" }}]",
                servers.port,
                dns.address()
            )
        };
        Front::of(folder.path(), &backend("model.test")).ask();
        let misnamed = Front::of(folder.path(), &backend("other.test"));
        misnamed.0.post("/v2/models/iris/infer", BODY).expect(503);
    }
    // The host that a server reads.
    let listener = TcpListener::bind("127.0.0.3:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    dns.now_knows(&[("model.test", "127.0.0.3")]);
    let host = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        while !line.to_ascii_lowercase().starts_with("host:") {
            line.clear();
            assert_ne!(reader.read_line(&mut line).unwrap(), 0, "a head without a host");
        }
        let _ = reader.get_mut().write_all(b"HTTP/1.1 503 no\r\ncontent-length: 0\r\n\r\n");
        line.trim().to_owned()
    });
    let front = Front::of(
        folder.path(),
        &format!(
            "protocol: oip-rest, endpoints: [{{ dns: \"http://model.test:{port}\", resolver: \"{}\" }}], retry: {{ attempts: 1 }}",
            dns.address()
        ),
    );
    front.wait_for_endpoints(&[format!("127.0.0.3:{port}")]);
    let _ = front.0.post("/v2/models/iris/infer", BODY);
    assert_eq!(host.join().unwrap().to_ascii_lowercase(), format!("host: model.test:{port}"));
}

#[test]
fn the_systems_resolver_reads_the_hosts_file() {
    let folder = tempfile::tempdir().unwrap();
    let servers = Servers::start(folder.path());
    let backend = format!("protocol: oip-rest, endpoints: [{{ dns: \"http://localhost:{}\" }}]", servers.port);
    let front = Front::of(folder.path(), &backend);
    assert!(front.endpoints().contains(&servers.at(&[1])[0]), "{:?}", front.endpoints());
    front.ask();
}

#[test]
fn checking_needs_no_network() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.yaml");
    let (datagrams, streams) = (UdpSocket::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let (one, other) = (datagrams.local_addr().unwrap(), streams.local_addr().unwrap());
    let text = configuration(&format!(
        "protocol: oip-rest, endpoints: [{{ dns: \"http://nowhere.invalid\", resolver: \"{one}\" }}, {{ srv: \
         \"http://_x._tcp.nowhere.invalid\", resolver: \"{other}\" }}]"
    ));
    std::fs::write(&path, text).unwrap();
    let output = sluicegate(&["check", path.to_str().unwrap()]);
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    // It has ended: whatever it sent is here.
    datagrams.set_nonblocking(true).unwrap();
    streams.set_nonblocking(true).unwrap();
    assert_eq!(datagrams.recv(&mut [0; 512]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(streams.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_sequence_stays_where_it_began_when_others_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let servers = Servers::start(folder.path());
    let dns = Dns::start(folder.path(), &[("model.test", "127.0.0.2")]);
    let front = Front::by_name(folder.path(), &servers, &dns);
    let body = BODY.replacen('{', r#"{"parameters":{"sequence_id":7},"#, 1);
    let ask = || drop(front.0.post("/v2/models/iris/infer", &body).expect(200));
    ask();
    dns.now_knows(&[("model.test", "127.0.0.1"), ("model.test", "127.0.0.2"), ("model.test", "127.0.0.3")]);
    front.wait_for_endpoints(&servers.at(&[1, 2, 3]));
    for _ in 0..20 {
        ask();
    }
    let calls = |nth: usize| front.backend()["endpoints"][nth]["calls"].as_u64().unwrap();
    assert_eq!((calls(0), calls(2)), (0, 0));
    assert!(calls(1) >= 21, "{}", calls(1));
}

/// Has the clients end also where the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
