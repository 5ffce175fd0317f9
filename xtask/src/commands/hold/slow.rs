//! Ten thousand slow clients over TLS: what they cost, what others notice of them, and whether they are cut in their time.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::field::{Gateway, Programs};
use super::load::{self, Arrivals, p99, words};
use super::part::Found;
use crate::commands::bench::process::{Running, free_address, pause};
use crate::commands::faults::answers::{Report, float};
use crate::commands::faults::judge::void;
use crate::commands::faults::page::{ends, times};
use crate::stopwatch::Stopwatch;

/// Other requests a second.
const RATE: f64 = 500.0;
/// KiB that a slow client may cost.
const EACH: u64 = 64;
/// p99 of the others, in times that before.
const P99: f64 = 1.5;
/// Seconds that a cut may be late.
const LATE: f64 = 2.0;
/// Until the last reader is cut, in times the limit: the system takes parts of answers in the place of those who do not read
/// them, and more of them when others have gone.
const READERS: f64 = 2.0;
/// Seconds in which connections are made and nothing is counted.
const WARM: f64 = 1.0;
/// Descriptors beside those of slow clients.
const BESIDE: usize = 100;

const CONFIG: &str = "\
version: 1
listeners:
  clients: { address: @clients@, authenticate: [anonymous], exposure: internal }
  slow:
    address: @slow@
    authenticate: [anonymous]
    tls: { cert: server.pem, key: server.key }
    limits:
      connections: 50000
      per_address: 50000
      head_timeout: @limit@s
      body_timeout: @limit@s
      body_min_rate: 0
      idle_timeout: @idle@s
admin: { address: @admin@ }
backends:
  servers: { protocol: oip-rest, binary: always, endpoints: [\"http://@server@\"] }
  slow: { protocol: oip-rest, binary: always, endpoints: [\"http://@answers@\"], concurrency: { limit: 100000 } }
models:
  small: { backend: servers }
  slow: { backend: slow, timeout: 1h }
";

/// When what happens, in seconds.
#[derive(Clone, Copy)]
struct Plan {
    clients: usize,
    before: f64,
    /// How long a slow client has.
    limit: u16,
    /// In which all are in, and nobody is cut.
    beside: f64,
}

/// What became of the slow ones of a kind, as `sluicegate-bench slow` prints it.
#[derive(Debug, Default, Deserialize)]
struct Ends {
    refused: u64,
    cut: u64,
    left: u64,
    first_ms: Option<u64>,
    last_ms: u64,
}

/// Times of the run, in seconds from its beginning.
struct Times {
    opened: f64,
    /// When the last one was gone from the gateway.
    gone: f64,
}

/// Memory in KiB.
struct Memory {
    before: u64,
    with: u64,
    afterwards: u64,
    /// Clients that came.
    count: u64,
    /// Descriptors that the gateway had for them.
    descriptors: usize,
}

pub(super) fn measure(programs: &Programs) -> Result<Found> {
    let plan = programs.of(
        Plan { clients: 10_000, before: 8.0, limit: 60, beside: 10.0 },
        Plan { clients: 300, before: 1.5, limit: 3, beside: 1.0 },
    );
    let folder = programs.folder("slow-clients")?;
    let mut servers = programs.bench("servers", &words("faulty --servers 1 --slots 40 --service 5ms"))?;
    let mut slow = programs.bench("slow clients", &["slow".into(), "--folder".into(), folder.display().to_string()])?;
    let door = free_address()?;
    let config = CONFIG
        .replace("@slow@", &door.to_string())
        .replace("@server@", &servers.address("http")?.to_string())
        .replace("@answers@", &slow.address("http")?.to_string())
        .replace("@limit@", &plan.limit.to_string())
        // A reader that takes nothing is noticed within twice its time.
        .replace("@idle@", &(plan.limit / 2).to_string());
    let gateway = Gateway::start(programs, &folder, &config)?;

    let limit = f64::from(plan.limit);
    let seconds = plan.before + 2.7 * limit;
    let own: [&Running; 2] = [&servers, &slow];
    let asked = Arrivals {
        target: gateway.clients,
        rate: RATE,
        seconds,
        arguments: &[],
        gateway: Some(gateway.id()),
        own: &own,
    };
    let mut clients = asked.start(programs, "clients")?;
    let watch = Stopwatch::start();
    let now = || watch.elapsed().0.as_secs_f64();
    pause(Duration::from_secs_f64(plan.before));
    let (before, descriptors) = (gateway.memory()?, gateway.descriptors()?);
    slow.tell(&format!("open {door} {}", plan.clients))?;
    let said = slow.line()?;
    let count = said.strip_prefix("opened ").with_context(|| format!("the slow clients said: {said}"))?.parse()?;
    let opened = now();
    pause(Duration::from_secs_f64(plan.beside));
    // Two thirds have a connection to the server, too.
    let held = gateway.descriptors()?.saturating_sub(descriptors);
    let with = gateway.memory()?;
    ensure!(now() - plan.before < limit, "the first clients are cut before the last ones are in");
    let gone = until_gone(&gateway, descriptors, READERS * limit)?;
    let times = Times { opened, gone: gone.then(now).unwrap_or(f64::INFINITY) };
    let memory = Memory { before, with, afterwards: gateway.memory()?, count, descriptors: held };
    let ends: BTreeMap<String, Ends> = serde_json::from_str(&slow.line()?).context("what the slow clients said")?;
    let report = load::report(&mut clients)?;
    let mut found = others(programs, plan, &times, &report);
    remembered(programs, &mut found, &memory, &ends);
    cut(programs, &mut found, plan, &times, &ends);
    Ok(found)
}

/// Waits until nobody is in any more.
fn until_gone(gateway: &Gateway, descriptors: usize, limit: f64) -> Result<bool> {
    let watch = Stopwatch::start();
    let gone = |gateway: &Gateway| Ok(gateway.descriptors()? <= descriptors + BESIDE);
    while !gone(gateway)? && watch.elapsed().0.as_secs_f64() < limit {
        pause(Duration::from_millis(50));
    }
    gone(gateway)
}

/// Those who are not slow.
fn others(programs: &Programs, plan: Plan, when: &Times, report: &Report) -> Found {
    let parts = [
        ("before", WARM, plan.before),
        ("while the slow ones come", plan.before, when.opened),
        ("beside them", when.opened, when.opened + plan.beside),
        ("until all are cut", when.opened + plan.beside, when.gone),
    ];
    let mut found = Found {
        columns: &["other clients", "requests", "failed, and how", "p50 ms", "p99 ms"],
        void: report.phases.first().and_then(void),
        ..Found::default()
    };
    for (name, from, to) in parts {
        let figures = report.between(from, to, &[]);
        let [median, late, _] = times(figures.accepted);
        found.rows.push(vec![name.to_owned(), figures.sent.to_string(), ends(&figures), median, late]);
    }
    let all = report.between(0.0, f64::INFINITY, &[]);
    found.bound(all.failures() == 0, format!("{} of {} requests of others failed", all.failures(), all.sent));
    let before = p99(&report.between(WARM, plan.before, &[]));
    let beside = p99(&report.between(when.opened, when.opened + plan.beside, &[]));
    let text = format!("p99 beside them {beside:.1} ms, before {before:.1} ms, at most {P99} times");
    found.bound_of_time(programs, beside <= before * P99, text);
    found
}

fn remembered(programs: &Programs, found: &mut Found, memory: &Memory, ends: &BTreeMap<String, Ends>) {
    let slow = memory.count - ends.values().map(|ends| ends.refused).sum::<u64>();
    let more = memory.with.saturating_sub(memory.before);
    let each = float(more) / float(slow.max(1));
    // Hundreds show nothing of what each of ten thousand costs.
    found.bound_of_time(
        programs,
        more <= EACH * slow,
        format!(
            "{slow} slow clients: {} KiB resident, before {}: {each:.1} KiB for each, at most {EACH}",
            memory.with, memory.before
        ),
    );
    found.notes.push(format!("{} KiB when they were gone", memory.afterwards));
    found.notes.push(format!("the gateway had {} descriptors open for them", memory.descriptors));
}

fn cut(programs: &Programs, found: &mut Found, plan: Plan, when: &Times, ends: &BTreeMap<String, Ends>) {
    let limit = f64::from(plan.limit);
    for (kind, ends) in ends {
        let (first, last) = (float(ends.first_ms.unwrap_or_default()) / 1000.0, float(ends.last_ms) / 1000.0);
        let in_time = first >= limit - 1.0 && last <= limit + LATE;
        found.bound(
            ends.refused + ends.left == 0 && (programs.quick || in_time),
            format!(
                "of those that drip their {kind} {} were cut, {} not, {} did not come in: after {first:.1} to {last:.1} s of {limit} s",
                ends.cut, ends.left, ends.refused
            ),
        );
    }
    found.bound(
        when.gone - when.opened <= READERS * limit + LATE,
        format!(
            "none was left in the gateway {:.1} s after the last had come in, at most {:.0} s",
            when.gone - when.opened,
            READERS * limit
        ),
    );
}
