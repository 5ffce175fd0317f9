//! All ends together, by count and not by time: the model server, the clients, and the bare proxy between them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test, as the tests do")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sluicegate-bench");

/// A process that is ended with the test, and the addresses it prints.
struct Peer {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Peer {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn address(&mut self, protocol: &str) -> String {
        let line = self.lines.next().unwrap().unwrap();
        line.strip_prefix(protocol).unwrap_or_else(|| panic!("{line}")).trim().to_owned()
    }

    /// The line it prints when it is told these.
    fn told(&mut self, lines: &str) -> Value {
        self.child.stdin.as_mut().unwrap().write_all(lines.as_bytes()).unwrap();
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the clients print.
fn load(workload: &str, target: &str, arguments: &[&str]) -> Value {
    let fixed = ["load", "--workload", workload, "--target", target];
    let output = Command::new(PROGRAM).args(fixed).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_workload_is_answered_directly_and_through_the_floor() {
    let mut mock = Peer::start(&["mock"]);
    let (http, grpc) = (mock.address("http"), mock.address("grpc"));
    for (workload, upstream, count, chunks) in [
        ("json", &http, 50, 0),
        ("binary", &http, 20, 0),
        ("chat", &http, 50, 0),
        ("sse", &http, 20, 200),
        // A second each.
        ("paced", &http, 3, 200),
        ("grpc", &grpc, 50, 0),
    ] {
        let mut floor = Peer::start(&["floor", "--upstream", upstream]);
        let through = floor.address("http");
        for target in [upstream, &through] {
            let seen = load(workload, target, &["--count", &count.to_string(), "--connections", "3"]);
            assert_eq!((&seen["completed"], &seen["errors"]), (&count.into(), &0.into()), "{workload}: {seen}");
            assert_eq!(seen["chunks"], count * chunks, "{workload}");
            if workload == "paced" {
                assert_eq!(seen["delays"]["count"], count * chunks, "every chunk tells its time");
            }
        }
    }
}

#[test]
fn requests_at_fixed_times_are_all_answered_and_timed() {
    let mut mock = Peer::start(&["mock"]);
    let http = mock.address("http");
    let seen = load("json", &http, &["--count", "50", "--connections", "4", "--rate", "2000"]);
    assert_eq!((&seen["completed"], &seen["errors"], &seen["delays"]["count"]), (&50.into(), &0.into(), &50.into()));
}

#[test]
fn a_wrong_answer_is_an_error_and_says_which() {
    let mut mock = Peer::start(&["mock"]);
    let http = mock.address("http");
    // Speaks gRPC to a port that has HTTP/1 alone.
    let seen = load("grpc", &http, &["--count", "3", "--connections", "1", "--streams", "2"]);
    assert_eq!((&seen["completed"], &seen["errors"]), (&0.into(), &2.into()), "each stream gives up: {seen}");
    assert!(seen["first_error"].is_string(), "{seen}");
    let translated = load("rest-grpc", &http, &["--count", "1", "--connections", "1"]);
    assert_eq!(translated["errors"], 0, "the numbers are the same, whoever writes them: {translated}");
}

#[test]
fn a_window_tells_what_the_proxy_spent() {
    let mut mock = Peer::start(&["mock"]);
    let http = mock.address("http");
    let mut floor = Peer::start(&["floor", "--upstream", &http]);
    let through = floor.address("http");
    let (proxy, own) = (floor.child.id().to_string(), mock.child.id().to_string());
    let window = ["--seconds", "0.1", "--warm", "0.01", "--proxy", &proxy, "--own", &own];
    let seen = load("json", &through, &window);
    assert_eq!(seen["errors"], 0, "{seen}");
    for figure in ["completed", "proxy_ns", "busiest_thread_ns", "own_ns", "machine_ns", "peak_kib", "pss_kib"] {
        assert!(seen[figure].as_u64().unwrap() > 0, "{figure}: {seen}");
    }
    assert!(seen["busiest_thread_ns"].as_u64() <= seen["proxy_ns"].as_u64(), "{seen}");
}

/// How 100 requests end, by their codes.
fn arrivals(target: &str) -> BTreeMap<u64, usize> {
    let arguments = ["arrivals", "--target", target, "--phase", "1000:0.1", "--timeout", "60000"];
    let output = Command::new(PROGRAM).args(arguments).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let (begun, told) = printed.split_once('\n').unwrap();
    let told: Value = serde_json::from_str(told).unwrap();
    let list = |name: &str| told.get(name).and_then(Value::as_array).unwrap();
    assert_eq!((begun, list("phases").len()), ("begun", 1), "{told}");
    let mut codes = BTreeMap::new();
    for answer in list("answers") {
        *codes.entry(answer.get(2).and_then(Value::as_u64).unwrap()).or_default() += 1;
    }
    codes
}

#[test]
fn servers_misbehave_on_order_and_every_answer_is_told() {
    let mut servers = Peer::start(&["faulty", "--servers", "2", "--slots", "4", "--service", "1ms"]);
    let (first, second) = (servers.address("http"), servers.address("http"));
    assert_eq!(arrivals(&first), BTreeMap::from([(200, 100)]));
    // A report is answered when the orders before it are carried out.
    servers.told("0 error500\n1 short\nreport\n");
    assert_eq!(arrivals(&first), BTreeMap::from([(500, 100)]));
    assert_eq!(arrivals(&second), BTreeMap::from([(0, 100)]));
    let report = servers.told("0 ok\nreport\n");
    assert_eq!((&report[0]["begun"], &report[1]["begun"]), (&200.into(), &100.into()), "{report}");
    assert_eq!((&report[0]["answered"], &report[0]["now"]), (&200.into(), &0.into()), "{report}");
    assert!(report[0]["most"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(arrivals(&first), BTreeMap::from([(200, 100)]));
}
