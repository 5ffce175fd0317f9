//! Clients that leave at each point of a request: how soon their server sees it, and how soon the gateway has everything back.

use anyhow::{Context, Result};
use serde::Deserialize;

use super::field::{Gateway, Programs};
use super::load::words;
use super::part::Found;
use crate::commands::faults::answers::{Quantiles, float};

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

/// All that a bound is set for.
#[derive(Default)]
struct All {
    clients: u64,
    missed: u64,
    astray: u64,
    /// Milliseconds.
    slowest: f64,
    which: String,
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
    let mut all = All::default();
    loop {
        let line = peers.line()?;
        if line == "done" {
            break;
        }
        all.case(&mut found, serde_json::from_str(&line).context("what became of a case")?);
    }
    let All { clients, missed, astray, slowest, which } = all;
    found.bound(
        clients > 0 && missed + astray == 0,
        format!("{missed} of {clients} not seen; {astray} at a server that was not to hear of them"),
    );
    let text = format!("the slowest was seen and given back after {slowest:.1} ms ({which}), at most {SOON} ms");
    found.bound_of_time(programs, slowest <= SOON, text);
    Ok(found)
}

impl All {
    fn case(&mut self, found: &mut Found, case: Case) {
        let Case { point, over, how, through, clients, astray, seen_us, counted_us, missed } = case;
        let most = |times: &[u64]| times.iter().max().map(|most| float(*most) / 1000.0);
        let longest = [most(&seen_us), most(&counted_us)];
        let shown = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.1}"));
        let (seen, counted) = (Quantiles::of(seen_us), Quantiles::of(counted_us));
        found.rows.push(vec![
            if through { over.clone() } else { format!("{over}, no gateway") },
            point.clone(),
            how.clone(),
            clients.to_string(),
            shown(seen.map(|times| times.p50)),
            shown(seen.map(|times| times.p99)),
            shown(longest[0]),
            shown(counted.map(|times| times.p50)),
            shown(longest[1]),
        ]);
        // What closes at once is taken for a client that waits: its time is the model's, and no bound.
        if !through || how == "closes-at-once" {
            return;
        }
        self.clients += clients;
        self.missed += missed;
        self.astray += astray;
        let longest = longest.into_iter().flatten().fold(0.0, f64::max);
        if longest > self.slowest {
            (self.slowest, self.which) = (longest, format!("{over}, {point}, {how}"));
        }
    }
}
