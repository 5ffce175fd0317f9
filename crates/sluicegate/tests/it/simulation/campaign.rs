//! Many seeds, on as many threads as there are processors, and what came of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::checks::faults;
use super::journal::{Outcome, What};
use super::plan::Plan;
use super::world::{self, Run};

/// Which seeds.
pub(super) struct Campaign {
    pub(super) from: u64,
    /// So many in any case.
    pub(super) least: u64,
    /// ... and more, as long as this is not over.
    pub(super) time: Duration,
}

/// What came of them.
#[derive(Default)]
pub(super) struct Report {
    pub(super) seeds: u64,
    /// How often what happened, by its name.
    pub(super) counts: BTreeMap<&'static str, u64>,
    /// What was wrong, with its seed.
    pub(super) faults: Vec<(u64, String)>,
}

impl Campaign {
    pub(super) fn run(&self) -> Report {
        let (next, report, begun) = (AtomicU64::new(0), Mutex::new(Report::default()), now());
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    loop {
                        let nth = next.fetch_add(1, Ordering::Relaxed);
                        if nth >= self.least && begun.elapsed() >= self.time {
                            return;
                        }
                        one(self.from + nth, &report);
                    }
                });
            }
        });
        report.into_inner()
    }
}

impl Report {
    fn count(&mut self, run: &Run) {
        for event in &run.events {
            let name = match &event.what {
                What::Sent { .. } => "requests",
                What::Saw { outcome, .. } => match outcome {
                    Outcome::Answered { well: true, .. } => "answered",
                    Outcome::Answered { well: false, .. } => "refused or failed",
                    Outcome::Broken => "broken off",
                    Outcome::Left => "left by the client",
                    Outcome::Lost => "lost on the network",
                    Outcome::Nothing => "without an outcome",
                },
                What::Tried { .. } => "tries",
                What::Turned(_) => "turns",
                _ => continue,
            };
            *self.counts.entry(name).or_default() += 1;
        }
    }
}

#[expect(clippy::print_stderr, reason = "a long run tells how far it is, and at once what it finds")]
fn one(seed: u64, report: &Mutex<Report>) {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let plan = Plan::of(seed);
        let run = world::run(&plan);
        (faults(&plan, &run), run)
    }));
    let mut report = report.lock();
    report.seeds += 1;
    match outcome {
        Ok((faults, run)) => {
            if !faults.is_empty() {
                eprintln!("seed {seed}: what happened is in {}", write_down(seed, &run).display());
            }
            for fault in faults {
                eprintln!("seed {seed}: {fault}");
                report.faults.push((seed, fault));
            }
            report.count(&run);
        }
        Err(_) => report.faults.push((seed, "the run itself panicked".to_owned())),
    }
    if report.seeds.is_multiple_of(50) {
        eprintln!("{} seeds, {} faults", report.seeds, report.faults.len());
    }
}

/// Writes all that happened where one can read it.
fn write_down(seed: u64, run: &Run) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("simulation-{seed}.txt"));
    let mut text = String::new();
    for event in &run.events {
        let _ = writeln!(text, "{:?} {:?}", event.at, event.what);
    }
    let _ = writeln!(text, "{:#?}", run.told.status.backends);
    std::fs::write(&path, Plan::of(seed).settings.yaml() + &text).unwrap();
    path
}

#[expect(clippy::disallowed_methods, reason = "how long real processors take")]
fn now() -> Instant {
    Instant::now()
}
