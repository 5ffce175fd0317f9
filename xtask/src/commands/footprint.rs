//! `cargo xtask footprint`: how soon a release build listens, and how much memory it holds idle.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command as Process, Stdio};

use anyhow::{Context, Result, ensure};

use super::{Command, no_arguments};
use crate::stopwatch::Stopwatch;
use crate::{process, say};

pub(crate) const COMMAND: Command = Command {
    name: "footprint",
    usage: "",
    summary: "time until a release build listens, and its memory when idle; without and with models",
    run: |root, arguments| {
        no_arguments("footprint", arguments)?;
        run(root)
    },
};

const ROUNDS: usize = 9;

const EMPTY: &str = "version: 1\nlisteners: { local: { address: 127.0.0.1:0, authenticate: [anonymous] } }\n";

fn run(root: &Path) -> Result<()> {
    process::run(process::cargo(root).args(["build", "--release", "--package", "sluicegate"]))?;
    let empty = root.join("target/footprint.yaml");
    std::fs::write(&empty, EMPTY)?;
    let quickstart = root.join("examples/quickstart/gateway.yaml");
    say::line(format_args!(
        "{:<12} {:>16} {:>16}   (median of {ROUNDS} rounds, worst in brackets)",
        "", "listening", "resident"
    ));
    for (name, configuration) in [("no models", empty), ("quickstart", quickstart)] {
        let mut times = Vec::new();
        let mut sizes = Vec::new();
        for _ in 0..ROUNDS {
            let (milliseconds, kibibytes) = measure(root, &configuration)?;
            times.push(milliseconds);
            sizes.push(kibibytes);
        }
        let (time, worst_time) = median_and_worst(&mut times).context("no round")?;
        let (size, worst_size) = median_and_worst(&mut sizes).context("no round")?;
        say::line(format_args!(
            "{name:<12} {time:>7} ms [{worst_time}] {:>8.1} MB [{:.1}]",
            megabytes(size),
            megabytes(worst_size)
        ));
    }
    Ok(())
}

/// Milliseconds until the gateway says where it listens (by then it does), and its resident KiB then.
fn measure(root: &Path, configuration: &Path) -> Result<(u128, u64)> {
    let watch = Stopwatch::start();
    let mut child = Process::new(root.join("target/release/sluicegate"))
        .args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--config"])
        .arg(configuration)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let stderr = child.stderr.take().context("no standard error")?;
    let mut lines = BufReader::new(stderr).lines();
    let listens = lines.by_ref().map_while(Result::ok).any(|line| line.contains(" serves "));
    let elapsed = watch.elapsed().0.as_millis();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
    child.kill()?;
    child.wait()?;
    ensure!(listens, "the gateway ended before it listened");
    let status = status.context("this system tells no memory figures in /proc")?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let resident = resident.and_then(|rest| rest.split_whitespace().next()).and_then(|figure| figure.parse().ok());
    Ok((elapsed, resident.context("no VmRSS")?))
}

fn median_and_worst<T: Ord + Copy>(figures: &mut [T]) -> Option<(T, T)> {
    figures.sort_unstable();
    Some((*figures.get(figures.len() / 2)?, *figures.last()?))
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn megabytes(kibibytes: u64) -> f64 {
    kibibytes as f64 * 1024.0 / 1e6
}
