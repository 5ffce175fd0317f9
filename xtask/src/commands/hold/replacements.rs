//! The binary replaced under load, again and again, each time with another number of threads: nobody may notice, and
//! streams that the old process has begun are its own to the end.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::field::{Gateway, Programs, until};
use super::load::{self, Arrivals, streamed, words};
use super::part::Found;
use crate::commands::bench::process::{Running, pause};
use crate::commands::faults::answers::float;
use crate::commands::faults::page::{ends, times};
use crate::process::succeeds;
use crate::stopwatch::Stopwatch;

/// Requests a second, over HTTP/1.1 and HTTP/2.
const RATES: [f64; 2] = [750.0, 250.0];
/// Streams at once, and how many of them are over HTTP/2.
const STREAMS: (usize, usize) = (200, 50);
/// Chunks of each, one every 100 ms.
const CHUNKS: u64 = 20;
/// Seconds that requests under way have.
const GRACE: u64 = 30;
const CONFIG: &str = "\
version: 1
shutdown: { grace: @grace@s }
listeners: { clients: { address: @clients@, authenticate: [anonymous], exposure: internal } }
admin: { address: @admin@ }
backends:
  servers: { protocol: oip-rest, binary: always, endpoints: [\"http://@server@\"], health: { interval: 1s } }
  chats: { protocol: openai, endpoints: [\"http://@chats@\"] }
models:
  small: { backend: servers }
  steady: { backend: chats }
";

/// What the rounds showed.
#[derive(Default)]
struct Rounds {
    /// From the signal until the new process had taken over; the quickest first.
    over: Vec<Duration>,
    /// From there until the old process had ended.
    ended: Vec<Duration>,
    /// How often the new process had as many threads as processors.
    as_many: usize,
}

pub(super) fn measure(programs: &Programs) -> Result<Found> {
    // Seconds from one to the next, and around all of them.
    let (rounds, every, around) = programs.of((20, 3.0, 3.0), (2, 2.3, 1.2));
    let mut servers = programs.bench("servers", &words("faulty --servers 1 --slots 40 --service 5ms"))?;
    let mut chats = programs.bench("chats", &words("mock"))?;
    let config = CONFIG
        .replace("@server@", &servers.address("http")?.to_string())
        .replace("@chats@", &chats.address("http")?.to_string())
        .replace("@grace@", &GRACE.to_string());
    let mut gateway = Gateway::replaceable(programs, &programs.folder("replacements")?, &config)?;

    let seconds = float(u64::try_from(rounds)?) * every + 2.0 * around;
    let reading = seconds - around / 2.0;
    let mut streams = load::streams(programs, gateway.clients, STREAMS, CHUNKS, reading)?;
    let [http1, http2] = RATES;
    let asked = Arrivals { target: gateway.clients, rate: http2, seconds, arguments: &[], gateway: None, own: &[] };
    let mut second = Arrivals { arguments: &["--over", "http2"], ..asked }.start(programs, "clients over HTTP2")?;
    let own: [&Running; 4] = [&servers, &chats, &streams, &second];
    let mut first = Arrivals { rate: http1, own: &own, ..asked }.start(programs, "clients")?;
    let watch = Stopwatch::start();
    let mut seen = Rounds::default();
    for round in 0..rounds {
        let due = around + float(u64::try_from(round)?) * every;
        pause(Duration::from_secs_f64(due).saturating_sub(watch.elapsed().0));
        replace(&mut gateway, round % 2 == 0, &mut seen)?;
    }
    ensure!(watch.elapsed().0.as_secs_f64() < reading, "the replacements took longer than the load");
    let reports = [load::report(&mut first)?, load::report(&mut second)?];
    let mut found =
        Found { columns: &["clients", "number", "failed, and how", "p50 ms", "p99 ms"], ..Found::default() };
    for (name, report) in ["HTTP/1.1", "HTTP/2"].iter().zip(&reports) {
        let all = report.between(0.0, f64::INFINITY, &[]);
        let [median, late, _] = times(all.accepted);
        found.rows.push(vec![(*name).to_owned(), all.sent.to_string(), ends(&all), median, late]);
        found.bound(all.failures() == 0, format!("{} of {} requests over {name} failed", all.failures(), all.sent));
        found.notes.extend(report.complaints.iter().take(2).map(|complaint| format!("a client saw: {complaint}")));
    }
    streamed(&mut found, &load::read(&mut streams)?);
    replaced(&mut found, seen, rounds);
    Ok(found)
}

/// Has another process take over, and waits until the one before has ended.
fn replace(gateway: &mut Gateway, both: bool, seen: &mut Rounds) -> Result<()> {
    let processors = if both { std::thread::available_parallelism()?.get().min(2) } else { 1 };
    let list = if processors == 2 { "0,1" } else { "0" };
    // What the main thread may use is what the next process may.
    let before = gateway.process;
    ensure!(succeeds(Command::new("taskset").args(["-c", "-p", list, &before.to_string()])), "taskset");
    let watch = Stopwatch::start();
    gateway.replace()?;
    seen.over.push(watch.elapsed().0);
    seen.as_many += usize::from(workers(gateway.process)? == processors);
    seen.ended.push(until("the end of the old process", || Ok(has_ended(before)))?);
    Ok(())
}

fn replaced(found: &mut Found, mut seen: Rounds, rounds: usize) {
    seen.over.sort_unstable();
    seen.ended.sort_unstable();
    let last = |times: &[Duration]| times.last().map_or(f64::INFINITY, Duration::as_secs_f64);
    found.bound(
        seen.over.len() == rounds && seen.as_many == rounds,
        format!(
            "{} replacements, each after {:.2} s at most, to one thread and to two in turn ({} times so many)",
            seen.over.len(),
            last(&seen.over),
            seen.as_many
        ),
    );
    found.bound(
        last(&seen.ended) <= float(GRACE),
        format!("an old process ended after {:.2} s at most, its grace is {GRACE} s", last(&seen.ended)),
    );
}

/// Threads that serve.
fn workers(process: u32) -> Result<usize> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).context("the new process")?;
    let names = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("comm")).ok());
    Ok(names.filter(|name| name.starts_with("worker-")).count())
}

/// Gone, or left for who started it to ask about.
fn has_ended(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
}
