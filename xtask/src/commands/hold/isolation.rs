//! A server that hangs, with all the turns of its backend taken and its queue full, beside a healthy one on the same
//! gateway, whose clients may not notice.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::field::{Gateway, Programs};
use super::load::{self, Arrivals, p99, words};
use super::part::Found;
use crate::commands::bench::process::{Running, pause};
use crate::commands::faults::judge::void;
use crate::commands::faults::page::{ends, times};
use crate::stopwatch::Stopwatch;

/// Requests a second to the healthy model, over HTTP/1.1 and HTTP/2, and to the one that hangs.
const HEALTHY: [f64; 2] = [500.0, 250.0];
const STUCK: f64 = 250.0;
/// Turns of the backend that hangs, and room in its queue.
const TURNS: (u64, u64) = (64, 128);
/// p99 in times that before.
const P99: f64 = 1.2;
/// Seconds in which connections are made, or turns and queue fill, and nothing is counted.
const WARM: f64 = 1.0;

const CONFIG: &str = "\
version: 1
listeners: { clients: { address: @clients@, authenticate: [anonymous], exposure: internal } }
admin: { address: @admin@ }
backends:
  healthy: { protocol: oip-rest, binary: always, endpoints: [\"http://@healthy@\"] }
  hangs:
    protocol: oip-rest
    binary: always
    endpoints: [\"http://@hangs@\"]
    concurrency: { limit: @turns@, queue: @queue@, wait: 1h }
models:
  small: { backend: healthy }
  stuck: { backend: hangs, model: small, timeout: 1h }
";

pub(super) fn measure(programs: &Programs) -> Result<Found> {
    let half = programs.of(12.0, 2.0);
    let mut servers = programs.bench("servers", &words("faulty --servers 2 --slots 40 --service 5ms"))?;
    let [healthy, hangs] = [servers.address("http")?, servers.address("http")?];
    servers.tell("1 silent")?;
    let config = CONFIG
        .replace("@healthy@", &healthy.to_string())
        .replace("@hangs@", &hangs.to_string())
        .replace("@turns@", &TURNS.0.to_string())
        .replace("@queue@", &TURNS.1.to_string());
    let gateway = Gateway::start(programs, &programs.folder("isolation")?, &config)?;

    let (target, seconds) = (gateway.clients, 2.0 * half);
    let [http1, http2] = HEALTHY;
    let asked = Arrivals { target, rate: http2, seconds, arguments: &[], gateway: None, own: &[] };
    let mut second = Arrivals { arguments: &["--over", "http2"], ..asked }.start(programs, "clients over HTTP2")?;
    let own: [&Running; 2] = [&servers, &second];
    let first = Arrivals { rate: http1, gateway: Some(gateway.id()), own: &own, ..asked };
    let mut first = first.start(programs, "clients")?;
    let watch = Stopwatch::start();
    pause(Duration::from_secs_f64(half));
    // Who waits, waits to the end of the run.
    let arguments = ["--model", "stuck", "--timeout", "600000"];
    let stuck = Arrivals { rate: STUCK, seconds: half, arguments: &arguments, ..asked };
    let _stuck = stuck.start(programs, "clients of the stuck")?;
    pause(Duration::from_secs_f64(half * 1.9).saturating_sub(watch.elapsed().0));
    let status = gateway.status()?;
    let reports = [load::report(&mut first)?, load::report(&mut second)?];

    let mut found = Found {
        columns: &["clients of the healthy", "requests", "failed, and how", "p50 ms", "p99 ms", "p99 before"],
        void: reports[0].phases.first().and_then(void),
        ..Found::default()
    };
    for (name, report) in ["HTTP/1.1", "HTTP/2"].iter().zip(&reports) {
        let before = report.between(WARM, half, &[]);
        let after = report.between(half, f64::INFINITY, &[]);
        let full = report.between(half + WARM, f64::INFINITY, &[]);
        let ([median, late, _], [_, calm, _]) = (times(full.accepted), times(before.accepted));
        found.rows.push(vec![(*name).to_owned(), after.sent.to_string(), ends(&after), median, late, calm]);
        let failed = before.failures() + after.failures();
        found.bound(failed == 0, format!("{failed} of {} requests over {name} failed", before.sent + after.sent));
        let (now, before) = (p99(&full), p99(&before));
        let text = format!("p99 over {name} {now:.2} ms, before {before:.2} ms, at most {P99} times");
        found.bound_of_time(programs, now <= before * P99, text);
    }
    let backends = status.get("backends").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let hangs = backends.iter().find(|backend| backend.get("name").is_some_and(|name| name == "hangs"));
    let count = |name| hangs.and_then(|hangs| hangs.get(name)).and_then(Value::as_u64).unwrap_or_default();
    let [now, waiting] = ["in_flight", "waiting"].map(count);
    let text = format!("{now} of {} turns of the stuck backend taken, {waiting} of {} waiting", TURNS.0, TURNS.1);
    found.bound((now, waiting) == TURNS, text);
    Ok(found)
}
