//! Calls to a server that never answers, each with the time its client gives: how much later than that the gateway says so.
//! Beside it, at the same time, clients without a gateway that look at their own clocks: what the machine makes late.

use anyhow::Result;

use super::field::{Gateway, Programs};
use super::load::{self, Arrivals, words};
use super::part::Found;
use crate::commands::bench::process::Running;
use crate::commands::faults::answers::{GRPC, Quantiles, Report, TIMEOUT, float};
use crate::commands::faults::judge::void;

/// Requests a second of each.
const RATE: f64 = 500.0;
/// Milliseconds that each is given.
const GIVEN: u16 = 250;
/// Milliseconds that p99.9 may be late.
const LATE: f64 = 50.0;

const CONFIG: &str = "\
version: 1
listeners: { clients: { address: @clients@, authenticate: [anonymous], exposure: internal } }
admin: { address: @admin@ }
backends:
  silent:
    protocol: oip-rest
    binary: always
    endpoints: [\"http://@server@\"]
    concurrency: { limit: 10000 }
models:
  small: { backend: silent, timeout: 10s }
";

/// DEADLINE_EXCEEDED.
const EXCEEDED: u16 = GRPC + 4;

pub(super) fn measure(programs: &Programs) -> Result<Found> {
    let seconds = programs.of(20.0, 2.0);
    let mut servers = programs.bench("servers", &words("faulty --servers 1"))?;
    let server = servers.address("http")?;
    servers.tell("0 silent")?;
    let config = CONFIG.replace("@server@", &server.to_string());
    let gateway = Gateway::start(programs, &programs.folder("deadlines")?, &config)?;

    let (rest, call) = (format!("x-request-timeout: {GIVEN}ms"), format!("grpc-timeout: {GIVEN}m"));
    let patience = GIVEN.to_string();
    let asked = Arrivals { target: gateway.clients, rate: RATE, seconds, arguments: &[], gateway: None, own: &[] };
    let alone = Arrivals { target: server, arguments: &["--timeout", &patience], ..asked };
    let mut alone = alone.start(programs, "clients without a gateway")?;
    let over_grpc = Arrivals { arguments: &["--over", "grpc", "--field", &call], ..asked };
    let mut over_grpc = over_grpc.start(programs, "clients over gRPC")?;
    let own: [&Running; 3] = [&servers, &alone, &over_grpc];
    let first = Arrivals { arguments: &["--field", &rest], gateway: Some(gateway.id()), own: &own, ..asked };
    let mut first = first.start(programs, "clients")?;

    let reports = [
        ("HTTP/1.1, `x-request-timeout`", 504, load::report(&mut first)?),
        ("gRPC, `grpc-timeout`", EXCEEDED, load::report(&mut over_grpc)?),
        ("no gateway, the client's own timer", TIMEOUT, load::report(&mut alone)?),
    ];
    let mut found = Found {
        columns: &["clients", "requests", "ended otherwise", "the least ms late", "p50", "p99", "p99.9"],
        void: reports[0].2.phases.first().and_then(void),
        ..Found::default()
    };
    for (name, code, report) in &reports {
        row(programs, &mut found, name, *code, report);
    }
    Ok(found)
}

/// How late answers of this code were.
pub(super) fn row(programs: &Programs, found: &mut Found, name: &str, code: u16, report: &Report) {
    let given = f64::from(GIVEN);
    let took: Vec<u64> = report.answers.iter().filter(|answer| answer.2 == code).map(|answer| answer.1).collect();
    let otherwise = report.answers.len() - took.len();
    let least = took.iter().min().map_or(f64::INFINITY, |least| float(*least) / 1000.0 - given);
    let late = Quantiles::of(took).unwrap_or_default();
    let shown = [least, late.p50 - given, late.p99 - given, late.p999 - given].map(|late| format!("{late:.1}"));
    let cells = [name.to_owned(), report.answers.len().to_string(), otherwise.to_string()];
    found.rows.push(cells.into_iter().chain(shown).collect());
    if code == TIMEOUT {
        return;
    }
    found.bound(
        otherwise == 0 && least > -1.0,
        format!("{name}: {otherwise} of {} ended otherwise; none before its time", report.answers.len()),
    );
    found.bound_of_time(
        programs,
        late.p999 - given <= LATE,
        format!("{name}: p99.9 {:.1} ms late, at most {LATE} ms", late.p999 - given),
    );
}
