//! Configurations that change under load: most are good and must serve soon, some are bad and must be refused, and no
//! client may notice either.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::field::{Gateway, Programs, get, until};
use super::load::{self, Arrivals, p99, streamed, words};
use super::part::Found;
use crate::commands::bench::process::{Running, pause};
use crate::commands::faults::answers::{Report, float};
use crate::commands::faults::judge::void;
use crate::commands::faults::page::{ends, times};
use crate::stopwatch::Stopwatch;

/// Requests a second, over HTTP/1.1 and HTTP/2.
const RATES: [f64; 2] = [750.0, 250.0];
/// Streams at once, and how many of them are over HTTP/2.
const STREAMS: (usize, usize) = (200, 50);
/// Each so many-th configuration is a bad one.
const BAD: usize = 10;
/// p99 while reloading, in times that before and in milliseconds more.
const P99: (f64, f64) = (1.25, 2.0);
/// Memory afterwards in times that before.
const MEMORY: f64 = 1.05;
/// Seconds until a new configuration serves.
const LIVE: f64 = 1.0;
/// Seconds in which connections are made and nothing is counted.
const WARM: f64 = 0.5;

const CONFIG: &str = "\
version: 1
listeners: { clients: { address: @clients@, authenticate: [anonymous], exposure: internal } }
admin: { address: @admin@ }
backends:
  servers:
    protocol: oip-rest
    binary: always
    endpoints: [@endpoints@]
    health: { interval: 1s }
  chats: { protocol: openai, endpoints: [\"http://@chats@\"] }
models:
  small: { backend: servers, timeout: @timeout@ms }
  steady: { backend: chats }
  round-@round@: { backend: servers, model: small }
";

/// When what happens, in seconds.
struct Plan {
    before: f64,
    rounds: usize,
    every: f64,
    after: f64,
}

/// What the rounds showed.
#[derive(Default)]
struct Rounds {
    /// Until each good configuration served, the quickest first.
    live: Vec<Duration>,
    refused: usize,
}

pub(super) fn measure(programs: &Programs) -> Result<Found> {
    let plan = programs.of(
        Plan { before: 8.0, rounds: 100, every: 0.35, after: 8.0 },
        Plan { before: 1.0, rounds: 10, every: 0.15, after: 1.0 },
    );
    let mut servers = programs.bench("servers", &words("faulty --servers 3 --slots 20 --service 5ms"))?;
    let mut chats = programs.bench("chats", &words("mock"))?;
    let endpoints = (0..3).map(|_| servers.address("http")).collect::<Result<Vec<_>>>()?;
    let config = CONFIG.replace("@chats@", &chats.address("http")?.to_string());
    let config = |round: usize| {
        let weighed = (0..).zip(&endpoints).map(|(number, endpoint)| {
            format!("{{ url: \"http://{endpoint}\", weight: {} }}", 1 + usize::from(round % 3 == number))
        });
        let endpoints = weighed.collect::<Vec<_>>().join(", ");
        let config = config.replace("@endpoints@", &endpoints).replace("@timeout@", &(5000 + round).to_string());
        config.replace("@round@", &round.to_string())
    };
    let gateway = Gateway::start(programs, &programs.folder("reloads")?, &config(0))?;

    let seconds = plan.before + float(u64::try_from(plan.rounds)?) * plan.every + plan.after;
    let chunks = Duration::from_secs_f64((seconds + 2.0) * 10.0).as_secs();
    let mut streams = load::streams(programs, gateway.clients, STREAMS, chunks, 0.0)?;
    let [http1, http2] = RATES;
    let asked = Arrivals { target: gateway.clients, rate: http2, seconds, arguments: &[], gateway: None, own: &[] };
    let mut second = Arrivals { arguments: &["--over", "http2"], ..asked }.start(programs, "clients over HTTP2")?;
    let own: [&Running; 4] = [&servers, &chats, &streams, &second];
    let first = Arrivals { rate: http1, gateway: Some(gateway.id()), own: &own, ..asked };
    let mut first = first.start(programs, "clients")?;
    let watch = Stopwatch::start();

    pause(Duration::from_secs_f64(plan.before));
    let memory = gateway.memory()?;
    let rounds = reload(&gateway, &plan, &config, &watch)?;
    let until = watch.elapsed().0.as_secs_f64();
    pause(Duration::from_secs_f64(seconds).saturating_sub(watch.elapsed().0));
    let memory = [memory, gateway.memory()?];
    let generation = gateway.status()?.pointer("/generation").and_then(Value::as_u64).context("no generation")?;
    let reports = [load::report(&mut first)?, load::report(&mut second)?];
    let mut found = told(programs, &plan, until, &reports);
    streamed(&mut found, &load::read(&mut streams)?);
    found.rows.iter_mut().for_each(|row| row.resize(found.columns.len(), "-".to_owned()));
    reloaded(programs, &mut found, &plan, &rounds, generation);
    remembered(programs, &mut found, memory);
    Ok(found)
}

/// All rounds. Each begins when it is due, or when the one before is done.
fn reload(gateway: &Gateway, plan: &Plan, config: &dyn Fn(usize) -> String, watch: &Stopwatch) -> Result<Rounds> {
    let mut rounds = Rounds::default();
    for round in 1..=plan.rounds {
        let due = plan.before + float(u64::try_from(round - 1)?) * plan.every;
        pause(Duration::from_secs_f64(due).saturating_sub(watch.elapsed().0));
        if round % BAD == 0 {
            gateway.offer(&config(round).replace("backend: chats", "backend: nobody"))?;
            let refused = |status: Value| status.pointer("/last_reload/ok").is_some_and(|ok| *ok == false);
            until("that a bad configuration is refused", || Ok(refused(gateway.status()?)))?;
            rounds.refused += 1;
        } else {
            gateway.offer(&config(round))?;
            let ready = format!("/v2/models/round-{round}/ready");
            rounds.live.push(until("that a configuration serves", || Ok(get(gateway.clients, &ready)?.0 == 200))?);
        }
    }
    rounds.live.sort_unstable();
    Ok(rounds)
}

/// Requests: those before, and those while it was reloaded.
fn told(programs: &Programs, plan: &Plan, until: f64, reports: &[Report; 2]) -> Found {
    let mut found = Found {
        columns: &["clients", "number", "failed, and how", "p50 ms", "p99 ms", "p99 before"],
        void: reports[0].phases.first().and_then(void),
        ..Found::default()
    };
    for (name, report) in ["HTTP/1.1", "HTTP/2"].iter().zip(reports) {
        let all = report.between(0.0, f64::INFINITY, &[]);
        let before = report.between(WARM, plan.before, &[]);
        let during = report.between(plan.before, until, &[]);
        let ([median, late, _], [_, calm, _]) = (times(during.accepted), times(before.accepted));
        found.rows.push(vec![(*name).to_owned(), all.sent.to_string(), ends(&all), median, late, calm]);
        found.bound(all.failures() == 0, format!("{} of {} requests over {name} failed", all.failures(), all.sent));
        let (now, before) = (p99(&during), p99(&before));
        found.bound_of_time(
            programs,
            now <= before * P99.0 && now <= before + P99.1,
            format!(
                "p99 over {name} {now:.1} ms, before {before:.1} ms, at most {} times and {} ms more",
                P99.0, P99.1
            ),
        );
        found.notes.extend(report.complaints.iter().take(2).map(|complaint| format!("a client saw: {complaint}")));
    }
    found
}

fn reloaded(programs: &Programs, found: &mut Found, plan: &Plan, rounds: &Rounds, generation: u64) {
    let good = rounds.live.len();
    let at = |part: usize| rounds.live.get((good * part / 100).min(good.saturating_sub(1)));
    let seconds = |part| at(part).map_or(f64::INFINITY, Duration::as_secs_f64);
    found.bound(
        good + rounds.refused == plan.rounds && generation == u64::try_from(good + 1).unwrap_or_default(),
        format!("{good} configurations served and {} were refused; generation {generation}", rounds.refused),
    );
    found.bound_of_time(
        programs,
        seconds(100) <= LIVE,
        format!(
            "the last client saw a new configuration after {:.2} s (median {:.2} s), at most {LIVE} s",
            seconds(100),
            seconds(50)
        ),
    );
}

fn remembered(programs: &Programs, found: &mut Found, [before, after]: [u64; 2]) {
    let times = float(after) / float(before.max(1));
    found.bound_of_time(
        programs,
        times <= MEMORY,
        format!("{after} KiB resident afterwards, before {before}: {times:.3} times, at most {MEMORY}"),
    );
}
