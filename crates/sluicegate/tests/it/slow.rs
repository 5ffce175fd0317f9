//! Clients that take the gateway's room and give nothing for it: many slow ones, and more than there are descriptors for.

mod clients;

use std::path::Path;

use sluicegate_testkit::certs::Authority;

use self::clients::{Asked, Clients, Kind};
use crate::http::Client;
use crate::support::{Gateway, eventually, number, root, shell};

fn iris() -> String {
    root().join("examples/quickstart/models/iris.onnx").display().to_string()
}

/// More clients than descriptors: those that are in are served, operators are, and the rest when there is room again.
#[test]
fn v_05_out_of_descriptors_it_waits_and_operators_are_served() {
    const CLIENTS: usize = 140;
    const LIMIT: usize = 128;
    let folder = tempfile::tempdir().unwrap();
    let binary = env!("CARGO_BIN_EXE_sluicegate");
    let limited = shell(folder.path(), &format!("ulimit -n {LIMIT}; exec {binary} \"$@\""));
    let mut gateway =
        Gateway::run(&limited, &[&iris(), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--access-log", "off"]);
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| gateway.client()).collect();
    gateway.wait_for("that the last descriptors are kept", |line| line.contains("the last file descriptors are kept"));
    eventually("as many as there is room for are in", || gateway.descriptors() + LIMIT / 8 >= LIMIT);
    for _ in 0..20 {
        gateway.admin("/readyz").expect(200);
    }
    clients[0].get("/v2/models/iris").expect(200);
    assert!(gateway.descriptors() < LIMIT, "some are left");
    // Those that wait come in when others leave.
    clients.drain(..CLIENTS / 2);
    for client in &mut clients {
        client.get("/v2/models/iris").expect(200);
    }
    let failed = gateway.said.iter().filter(|line| line.contains("cannot accept")).count();
    assert_eq!(failed, 0, "nothing was tried in vain");
}

/// With more time for each than all need to come.
fn configuration(backend: &str) -> String {
    format!(
        "version: 1
listeners:
  l:
    address: 127.0.0.1:0
    authenticate: [anonymous]
    tls: {{ cert: server.pem, key: server.key }}
    limits: {{ connections: 50000, per_address: 50000, head_timeout: 1h, body_timeout: 1h, idle_timeout: 1h, \
         body_min_rate: 0 }}
backends:
  local: {{ protocol: embedded }}
  chats: {{ protocol: openai, endpoints: [\"http://{backend}\"] }}
models:
  iris: {{ backend: local, source: {} }}
  chat: {{ backend: chats }}
",
        iris()
    )
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

/// And what it costs the others: printed. `SLUICEGATE_SLOW_CLIENTS=10000` is the whole of it. That they are cut in their time
/// is shown where time is held: `sluicegate-server`, `limits::*`, `bodies::*`.
#[test]
fn g_d1_slow_clients_cost_little() {
    /// What each may cost, in KiB. A reader has a stream from a server that always has more, and the connection to it.
    const KINDS: [(Kind, u64); 4] = [(Kind::Idle, 64), (Kind::Head, 64), (Kind::Body, 64), (Kind::Reader, 256)];
    let count = number("SLUICEGATE_SLOW_CLIENTS", 500);
    sluicegate_server::raise_limit().unwrap();
    let authority = Authority::new("test");
    let clients = Clients::new(&authority);
    let folder = tempfile::tempdir().unwrap();
    let pair = authority.issue(&["localhost"]);
    write(folder.path(), "server.pem", &pair.certificate);
    write(folder.path(), "server.key", &pair.key);
    let (gateway, _) = Gateway::of(folder.path(), &configuration(&clients.backend().to_string()));
    let descriptors = gateway.descriptors();
    let alone = clients.ask(gateway.data);
    let memory = gateway.memory();

    let mut open = Vec::new();
    let (mut before, mut under_way) = (memory, 0);
    let some = count / KINDS.len();
    for (kind, most) in KINDS {
        open.push(clients.open(gateway.data, std::iter::repeat_n(kind, some)));
        under_way += if matches!(kind, Kind::Body | Kind::Reader) { some } else { 0 };
        eventually("all of them are in", || gateway.descriptors() >= descriptors + open.len() * some);
        gateway.wait_until_in_flight(under_way);
        clients.wait_until_held_back();
        let now = gateway.memory();
        let each = now.saturating_sub(before) / some as u64;
        println!("{some} of {kind:?}: {each} KiB each");
        assert!(each <= most, "{kind:?}: {each} KiB each");
        before = now;
    }
    let taken = before.saturating_sub(memory);
    let beside = clients.ask(gateway.data);
    drop(open);
    eventually("they are gone", || gateway.descriptors() <= descriptors + 20);
    gateway.wait_until_in_flight(0);
    println!(
        "{count} slow clients: {:.1} KiB each ({memory} KiB before, {taken} more, {} afterwards); other requests p50 {:?} and \
         p99 {:?}, without them {:?} and {:?}",
        taken as f64 / count as f64,
        gateway.memory(),
        beside.at(50),
        beside.at(99),
        alone.at(50),
        alone.at(99)
    );
    assert_eq!([&alone, &beside].map(Asked::answered), [clients::REQUESTS; 2]);
}
