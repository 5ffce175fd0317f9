//! `sluicegate top`: what a running gateway does, as it does it. Rates are what happened between two looks.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use terminal_size::{Height, terminal_size};
use tokio::time::Instant;

use super::status::{admin_json, state, text};
use crate::cli::{Form, Top};
use crate::json::{at, sorted};
use crate::output;

/// Goes home, and clears what is below: the picture before is painted over without a flicker.
const HOME: &str = "\u{1b}[H\u{1b}[J";

/// Lines of a terminal that does not say how high it is.
const HEIGHT: usize = 40;

/// What was seen, and when.
struct Look {
    at: Instant,
    status: Value,
}

/// What happened between two looks.
struct Between<'a> {
    before: &'a Value,
    now: &'a Value,
    seconds: f64,
}

/// Lets the time between two pictures pass.
#[expect(clippy::disallowed_methods, reason = "time is what is waited for")]
fn pause(interval: Duration) {
    std::thread::sleep(interval);
}

/// Runs until it is interrupted, or has shown as many pictures as were asked for.
pub(crate) fn run(options: &Top) -> anyhow::Result<ExitCode> {
    let mut before = look(options)?;
    let mut shown = 0;
    loop {
        pause(options.interval);
        let (picture, next) = match look(options) {
            Ok(now) => {
                let seconds = now.at.duration_since(before.at).as_secs_f64();
                let between = Between { before: &before.status, now: &now.status, seconds };
                (picture(options.running.output.output, &between)?, Some(now))
            }
            // It may be starting anew; who watches wants to see it come back.
            Err(error) => (format!("{error:#}"), None),
        };
        paint(&picture, options.running.output.output == Form::Table)?;
        if let Some(now) = next {
            before = now;
        }
        shown += 1;
        if options.count.is_some_and(|count| shown >= count.get()) {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn look(options: &Top) -> anyhow::Result<Look> {
    let status = admin_json(Method::GET, &options.running.admin, "/status")?;
    Ok(Look { at: Instant::now(), status })
}

fn picture(form: Form, between: &Between<'_>) -> anyhow::Result<String> {
    let (models, endpoints) = (models(between), backends(between));
    match form {
        Form::Table => Ok(draw(between, &models, &endpoints)),
        Form::Json => Ok(serde_json::to_string(&figures(between, &models, &endpoints))?),
        Form::Yaml => Ok(format!("---\n{}", serde_saphyr::to_string(&figures(between, &models, &endpoints))?)),
    }
}

/// On a terminal in place of the picture before; else below it.
fn paint(picture: &str, for_people: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if !(for_people && out.is_terminal()) {
        writeln!(out, "{picture}")?;
        return Ok(());
    }
    let height = terminal_size().map_or(HEIGHT, |(_, Height(rows))| usize::from(rows));
    let fits: Vec<&str> = picture.lines().take(height.saturating_sub(1)).collect();
    // Its last line ends, so that what comes when this has ended stands below it.
    writeln!(out, "{HOME}{}", fits.join("\n"))?;
    out.flush()?;
    Ok(())
}

fn figures(between: &Between<'_>, models: &[Value], backends: &[Value]) -> Value {
    sorted(json!({ "load": at(between.now, "/load"), "models": models, "backends": backends }))
}

/// Each version of each model, the busiest first.
fn models(between: &Between<'_>) -> Vec<Value> {
    let mut rows = Vec::new();
    for model in at(between.now, "/models").as_array().into_iter().flatten() {
        let old = named(at(between.before, "/models"), "name", model);
        for version in at(model, "/versions").as_array().into_iter().flatten() {
            let old = old.and_then(|old| named(at(old, "/versions"), "name", version));
            let good = between.rate(old, version, "/runs/good");
            let spent = between.rate(old, version, "/runs/good_ms");
            rows.push(json!({
                "model": at(model, "/name"),
                "version": at(version, "/name"),
                "backend": at(version, "/backend"),
                "good_per_s": good,
                "failed_per_s": between.rate(old, version, "/runs/failed"),
                "mean_ms": (good > 0.0).then(|| spent / good),
            }));
        }
    }
    let busy =
        |row: &Value| at(row, "/good_per_s").as_f64().unwrap_or(0.0) + at(row, "/failed_per_s").as_f64().unwrap_or(0.0);
    rows.sort_by(|left, right| busy(right).total_cmp(&busy(left)));
    rows
}

/// Each backend with its endpoints.
fn backends(between: &Between<'_>) -> Vec<Value> {
    let all = at(between.now, "/backends").as_array().into_iter().flatten();
    all.map(|backend| {
        let old = named(at(between.before, "/backends"), "name", backend);
        let endpoints = at(backend, "/endpoints").as_array().into_iter().flatten().map(|endpoint| {
            let old = old.and_then(|old| named(at(old, "/endpoints"), "address", endpoint));
            json!({
                "address": at(endpoint, "/address"),
                "state": state(endpoint),
                "in_flight": at(endpoint, "/in_flight"),
                "calls_per_s": between.rate(old, endpoint, "/calls"),
                "failures_per_s": between.rate(old, endpoint, "/failures"),
                "latency_ms": at(endpoint, "/latency_ms"),
            })
        });
        json!({
            "name": at(backend, "/name"),
            "in_flight": at(backend, "/in_flight"),
            "limit": at(backend, "/limit"),
            "waiting": at(backend, "/waiting"),
            "refused_per_s": between.rate(old, backend, "/refused"),
            "retries_per_s": between.rate(old, backend, "/retries"),
            "hedges_per_s": between.rate(old, backend, "/hedges"),
            "endpoints": endpoints.collect::<Vec<_>>(),
        })
    })
    .collect()
}

impl Between<'_> {
    /// How much a counter grew in a second. One that was not there before counts from zero, and so does one that began anew.
    fn rate(&self, old: Option<&Value>, new: &Value, counter: &str) -> f64 {
        let count = |value: &Value| at(value, counter).as_u64().unwrap_or(0);
        let (before, now) = (old.map_or(0, count), count(new));
        now.checked_sub(before).unwrap_or(now) as f64 / self.seconds.max(0.001)
    }
}

/// The one of `all` that has the same value of `key` as `other`.
fn named<'a>(all: &'a Value, key: &str, other: &Value) -> Option<&'a Value> {
    all.as_array()?.iter().find(|one| one.get(key) == other.get(key))
}

fn draw(between: &Between<'_>, models: &[Value], backends: &[Value]) -> String {
    let (now, load) = (between.now, at(between.now, "/load"));
    let ready = if at(now, "/ready") == true { "ready" } else { "NOT READY" };
    let refused = between.rate(Some(between.before), now, "/load/refused");
    let head = format!(
        "sluicegate {}: {ready}, generation {}\nrequests {}/{}, {refused:.1} refused/s; bodies {} of {} MiB",
        text(at(now, "/version")),
        text(at(now, "/generation")),
        text(at(load, "/requests")),
        text(at(load, "/most_requests")),
        mebibytes(at(load, "/memory")),
        mebibytes(at(load, "/most_memory")),
    );
    let of_model = |row: &Value| {
        let name = |key| text(at(row, key));
        let number = |key| number(at(row, key));
        let names = [name("/model"), name("/version")];
        let [model, version] = names;
        [model, version, number("/good_per_s"), number("/failed_per_s"), number("/mean_ms"), name("/backend")]
    };
    let models = output::table(
        ["MODEL", "VERSION", "GOOD/S", "FAILED/S", "MEAN MS", "BACKEND"],
        models.iter().map(of_model).collect(),
    );
    let endpoints = output::table(
        ["BACKEND", "BUSY", "REFUSED/S", "AGAIN/S", "ENDPOINT", "NOW", "CALLS/S", "FAILED/S", "MEAN MS", "STATE"],
        backends.iter().flat_map(endpoints).collect(),
    );
    format!("{head}\n\n{models}\n\n{endpoints}")
}

/// A line for each endpoint of a backend; what is the backend's own stands in the first.
fn endpoints(backend: &Value) -> Vec<[String; 10]> {
    let again =
        at(backend, "/retries_per_s").as_f64().unwrap_or(0.0) + at(backend, "/hedges_per_s").as_f64().unwrap_or(0.0);
    let busy = format!(
        "{}/{} +{}",
        text(at(backend, "/in_flight")),
        text(at(backend, "/limit")),
        text(at(backend, "/waiting"))
    );
    let mut own = [text(at(backend, "/name")), busy, number(at(backend, "/refused_per_s")), format!("{again:.1}")];
    let all = at(backend, "/endpoints").as_array().into_iter().flatten();
    all.map(|endpoint| {
        let [name, busy, refused, again] = std::mem::take(&mut own);
        let number = |key| number(at(endpoint, key));
        let (address, state) = (text(at(endpoint, "/address")), text(at(endpoint, "/state")));
        let now = text(at(endpoint, "/in_flight"));
        let (calls, failed, mean) = (number("/calls_per_s"), number("/failures_per_s"), number("/latency_ms"));
        [name, busy, refused, again, address, now, calls, failed, mean, state]
    })
    .collect()
}

fn number(value: &Value) -> String {
    value.as_f64().map_or_else(|| "-".to_owned(), |number| format!("{number:.1}"))
}

fn mebibytes(bytes: &Value) -> u64 {
    bytes.as_u64().unwrap_or(0) >> 20
}

/// A time such as `1s`, `500ms`, or a number of seconds.
pub(crate) fn interval(text: &str) -> Result<Duration, String> {
    let (number, unit) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 0.001),
        (None, Some(number)) => (number, 1.0),
        (None, None) => (text, 1.0),
    };
    let seconds =
        number.parse::<f64>().ok().map(|number| number * unit).filter(|seconds| (0.1..=3600.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "a time from `100ms` to `3600s`".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Between, backends, interval, models};

    #[test]
    fn rates_are_what_happened_between_two_looks() {
        let status = |good: u64, good_ms: u64, calls: u64| {
            json!({
                "models": [{ "name": "m", "versions": [
                    { "name": "1", "backend": "b", "runs": { "good": good, "failed": 0, "good_ms": good_ms } }] }],
                "backends": [{ "name": "b", "refused": 7, "retries": 1, "hedges": 0, "endpoints": [
                    { "address": "a:1", "state": "up", "calls": calls, "failures": 0 }] }],
            })
        };
        let (before, now) = (status(100, 1000, 50), status(140, 1200, 10));
        let between = Between { before: &before, now: &now, seconds: 2.0 };
        let row = &models(&between)[0];
        assert_eq!((row["good_per_s"].as_f64(), row["mean_ms"].as_f64()), (Some(20.0), Some(5.0)));
        let backend = &backends(&between)[0];
        assert_eq!(backend["refused_per_s"], 0.0);
        assert_eq!(backend["endpoints"][0]["calls_per_s"], 5.0, "it began anew: ten in two seconds");
    }

    #[test]
    fn intervals_are_read() {
        let read = |text| interval(text).map(|time| time.as_millis());
        assert_eq!((read("1s"), read("250ms"), read("2")), (Ok(1000), Ok(250), Ok(2000)));
        assert!(read("0s").is_err() && read("x").is_err() && read("1h").is_err() && read("-1s").is_err());
    }
}
