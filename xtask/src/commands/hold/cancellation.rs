//! Clients that leave at each point of a request: how soon their server sees it, and how soon the gateway has everything back.

use anyhow::{Context, Result};
use serde::Deserialize;

use super::field::{Gateway, Programs};
use super::load::words;
use super::part::Found;
use crate::commands::faults::answers::Quantiles;

/// Clients of a batch, and batches of each case.
const CLIENTS: u64 = 25;
const BATCHES: u64 = 8;
/// Milliseconds until the server sees it, and until the counters are back.
const SOON: f64 = 100.0;
/// Milliseconds of the model that is asked by clients that leave at once.
const BRIEF: u16 = 1000;

const CONFIG: &str = "\
version: 1
listeners: { clients: { address: @clients@, authenticate: [anonymous], exposure: internal } }
admin: { address: @admin@ }
backends:
  held: { protocol: oip-rest, binary: always, endpoints: [\"http://@http@\"], concurrency: { limit: 1000 } }
  narrow: { protocol: oip-rest, binary: always, endpoints: [\"http://@http@\"], concurrency: { limit: 1, wait: 1h } }
  far:
    protocol: oip-rest
    binary: always
    endpoints: [\"http://@full@\"]
    timeouts: { connect: 1m }
    concurrency: { limit: 1000 }
  calls: { protocol: oip-grpc, endpoints: [\"grpc://@grpc@\"], concurrency: { limit: 1000 } }
  chats: { protocol: openai, endpoints: [\"http://@http@\"], concurrency: { limit: 1000 } }
models:
  held: { backend: held, timeout: 1h }
  brief: { backend: held, timeout: @brief@ms }
  narrow: { backend: narrow, timeout: 1h }
  far: { backend: far, timeout: 1h }
  calls: { backend: calls, timeout: 1h }
  chat: { backend: chats }
";

/// A case, as `sluicegate-bench leaving` prints it.
#[derive(Debug, Deserialize)]
struct Case {
    point: String,
    over: String,
    how: String,
    through: bool,
    clients: u64,
    astray: u64,
    seen_us: Vec<u64>,
    counted_us: Vec<u64>,
    missed: u64,
}

pub(super) fn measure(programs: &Programs) -> Result<Found> {
    let (clients, batches) = programs.of((CLIENTS, BATCHES), (5, 1));
    let mut peers = programs.bench("clients and servers", &words(&format!("leaving --clients {clients}")))?;
    let mut config = CONFIG.replace("@brief@", &BRIEF.to_string());
    for (name, place) in [("http", "@http@"), ("grpc", "@grpc@"), ("full", "@full@")] {
        config = config.replace(place, &peers.address(name)?.to_string());
    }
    let gateway = Gateway::start(programs, &programs.folder("cancellation")?, &config)?;
    peers.tell(&format!("go {} {} {batches}", gateway.clients, gateway.admin))?;
    let mut found = Found {
        columns: &[
            "over",
            "where it was",
            "how it left",
            "clients",
            "seen p50 ms",
            "p99 ms",
            "most ms",
            "counters p50 ms",
            "most ms",
        ],
        ..Found::default()
    };
    loop {
        let line = peers.line()?;
        if line == "done" {
            return Ok(found);
        }
        row(programs, &mut found, serde_json::from_str(&line).context("what became of a case")?);
    }
}

fn row(programs: &Programs, found: &mut Found, case: Case) {
    let Case { point, over, how, through, clients, astray, seen_us, counted_us, missed } = case;
    let shown = |figures: Option<Quantiles>, figure: fn(Quantiles) -> f64| {
        figures.map_or_else(|| "-".to_owned(), |figures| format!("{:.1}", figure(figures)))
    };
    let most =
        |times: &[u64]| times.iter().max().map(|most| std::time::Duration::from_micros(*most).as_secs_f64() * 1e3);
    let longest = [most(&seen_us), most(&counted_us)];
    let [seen_most, counted_most] =
        longest.map(|most| most.map_or_else(|| "-".to_owned(), |most| format!("{most:.1}")));
    let (seen, counted) = (Quantiles::of(seen_us), Quantiles::of(counted_us));
    found.rows.push(vec![
        if through { over.clone() } else { format!("{over}, no gateway") },
        point.clone(),
        how.clone(),
        clients.to_string(),
        shown(seen, |times| times.p50),
        shown(seen, |times| times.p99),
        seen_most,
        shown(counted, |times| times.p50),
        counted_most,
    ]);
    // What closes at once is taken for a client that waits: its time is the model's, and no bound.
    if !through || how == "closes-at-once" {
        return;
    }
    found.bound(
        missed + astray == 0,
        format!(
            "{over}, {point}, {how}: {missed} of {clients} not seen, {astray} at a server that was not to hear of it"
        ),
    );
    let longest = longest.into_iter().flatten().fold(0.0, f64::max);
    let text = format!("{over}, {point}, {how}: all seen and given back within {longest:.1} ms, at most {SOON}");
    found.bound_of_time(programs, longest <= SOON, text);
}
