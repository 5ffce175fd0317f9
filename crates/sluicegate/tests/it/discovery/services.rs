//! Services whose SRV records lead to the endpoints.

use super::behind::{BODY, Front, Servers};
use super::dnsmasq::Dns;
use crate::support::{Gateway, root, sluicegate, stdout};

const HOSTS: [(&str, &str); 4] = [
    ("one.test", "127.0.0.1"),
    ("two.test", "127.0.0.2"),
    ("three.test", "127.0.0.3"),
    // Named by no hosts of its own.
    ("unused.test", "127.0.0.9"),
];

fn service(target: &str, port: u16, priority: u16, weight: u16) -> String {
    format!("_http._tcp.model.test,{target},{port},{priority},{weight}")
}

#[test]
fn the_example_works_as_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let servers = Servers::start(folder.path());
    let hosts = [("one.iris.test", "127.0.0.1"), ("two.iris.test", "127.0.0.2")];
    let service = |target: &str, weight: u8| format!("_http._tcp.iris.test,{target},{},1,{weight}", servers.port);
    let services = [service("one.iris.test", 10), service("two.iris.test", 30)];
    let dns = Dns::with_services(folder.path(), &hosts, &services);
    for name in ["gateway.yaml", "endpoints.yaml"] {
        let text = std::fs::read_to_string(root().join("examples/discovery").join(name)).unwrap();
        let text = text.replace(":8100", &format!(":{}", servers.port)).replace("127.0.0.1:5353", &dns.address());
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let gateway = Gateway::serve(&["--config", folder.path().join("gateway.yaml").to_str().unwrap()]);
    for model in ["by-name", "by-service", "by-file"] {
        let answer = gateway.post(&format!("/v2/models/{model}/infer"), BODY).expect(200);
        assert!(answer.text().contains("setosa"), "{}", answer.text());
    }
    let shown = stdout(&sluicegate(&["status", "--admin", &format!("http://{}", gateway.admin)]));
    for source in ["dns localhost:", "srv _http._tcp.iris.test", "endpoints.yaml"] {
        let line = shown.lines().find(|line| line.contains(source)).unwrap_or_else(|| panic!("{source}: {shown}"));
        assert!(line.trim_end().ends_with("good"), "{line}");
    }
}

#[test]
fn the_first_priority_that_has_endpoints_is_used_by_its_weights() {
    let folder = tempfile::tempdir().unwrap();
    let servers = Servers::start(folder.path());
    let port = servers.port;
    let (three, backup) = (service("two.test", port, 5, 30), service("three.test", port, 10, 10));
    // The one of the first priority has no address.
    let gone = service("gone.test", port, 1, 10);
    let services = [gone.clone(), service("one.test", port, 5, 10), three.clone(), backup.clone()];
    let mut dns = Dns::with_services(folder.path(), &HOSTS, &services);
    let front = Front::of(
        folder.path(),
        &format!(
            "protocol: oip-rest, balance: round_robin, endpoints: [{{ srv: \"http://_http._tcp.model.test\", resolver: \"{}\", \
             refresh: 1s }}]",
            dns.address()
        ),
    );
    assert_eq!(front.endpoints(), servers.at(&[1, 2]));
    for _ in 0..80 {
        front.ask();
    }
    let calls = |front: &Front| -> Vec<u64> {
        let backend = front.backend();
        backend["endpoints"].as_array().unwrap().iter().map(|endpoint| endpoint["calls"].as_u64().unwrap()).collect()
    };
    // What the servers were asked about besides is no call.
    assert_eq!(calls(&front), [20, 60]);
    // The first priority is served again; then only the last is left.
    dns.start_again(&HOSTS, &[service("three.test", port, 1, 0), three]);
    front.wait_for_endpoints(&servers.at(&[3]));
    front.ask();
    dns.start_again(&HOSTS, &[gone, service("one.test", port, 7, 0), service("two.test", port, 7, 0)]);
    front.wait_for_endpoints(&servers.at(&[1, 2]));
    front.ask();
    // A service that is no more, as its server says (RFC 2782).
    dns.start_again(&HOSTS, &["_http._tcp.model.test".to_owned()]);
    assert_eq!(front.wait_for_failure(), "there are no endpoints");
    assert_eq!(front.endpoints(), servers.at(&[1, 2]));
    front.ask();
}
