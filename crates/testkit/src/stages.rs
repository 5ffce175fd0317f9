//! Benchmarks of single stages: nanoseconds for people, allocations asserted.
//!
//! A benchmark is a `[[bench]]` with `harness = false` and `test = true`. Under `cargo bench` it prints a row of Markdown a
//! stage; among the ordinary tests it times nothing, and only holds the number of allocations against the stated one. It
//! must not know what is measured.

use std::hint::black_box;
use std::time::Instant;

/// Inputs made before the clock starts, and used up between its two readings.
const BATCH: usize = 256;

/// Batches, of which the median and the quartiles are shown.
const BATCHES: usize = 101;

/// Runs before the first counted one: what is made once and kept is no cost of a request.
const WARM: usize = 2 * BATCH;

/// The stages of one room.
#[derive(Debug)]
pub struct Stages {
    room: &'static str,
    allocations: fn() -> usize,
    timed: bool,
    words: Vec<String>,
    wrong: Vec<String>,
    right: usize,
}

impl Stages {
    /// For `room`, whose process has made so many `allocations` up to now, growing again included.
    #[must_use]
    pub fn of(room: &'static str, allocations: fn() -> usize) -> Self {
        let timed = std::env::args().any(|argument| argument == "--bench");
        // Words choose stages that contain one of them, as the names of tests do.
        let words = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
        Self { room, allocations, timed, words, wrong: Vec::new(), right: 0 }
    }

    /// Measures `run`, which must make exactly so many `allocations`.
    #[expect(clippy::print_stdout, reason = "a measurement on a terminal")]
    pub fn stage<T, U>(
        &mut self,
        name: &str,
        allocations: usize,
        mut make: impl FnMut() -> T,
        mut run: impl FnMut(T) -> U,
    ) {
        if !self.words.is_empty() && !self.words.iter().any(|word| name.contains(word.as_str())) {
            return;
        }
        for _ in 0..WARM {
            drop(black_box(run(make())));
        }
        // The fewest of three: what is renewed once a second, as the date is, belongs to no request.
        let count = |_| {
            let input = make();
            let before = (self.allocations)();
            drop(black_box(run(input)));
            (self.allocations)() - before
        };
        let made = (0..3).map(count).min().unwrap_or_default();
        if made != allocations {
            println!("test {}: {name} ... FAILED", self.room);
            self.wrong.push(format!("{name}: {made} allocations, stated are {allocations}"));
            return;
        }
        self.right += 1;
        if self.timed {
            let [low, median, high] = quartiles(make, run);
            println!("| {} | {name} | {median} | {low} to {high} | {allocations} |", self.room);
        } else {
            println!("test {}: {name} ... ok", self.room);
        }
    }

    /// Ends the process with words if an allocation is one too many, or one too few.
    ///
    /// # Panics
    /// The stated number is not the one made.
    #[expect(clippy::print_stdout, reason = "a measurement on a terminal")]
    pub fn finish(self) {
        assert!(self.wrong.is_empty(), "{} stages:\n{}", self.room, self.wrong.join("\n"));
        if !self.timed {
            println!("\ntest result: ok. {} passed; 0 failed\n", self.right);
        }
    }
}

/// Nanoseconds of one run.
#[expect(clippy::disallowed_methods, reason = "what is measured is the time of this machine, not the gateway's")]
fn quartiles<T, U>(mut make: impl FnMut() -> T, mut run: impl FnMut(T) -> U) -> [u128; 3] {
    let mut times: Vec<u128> = (0..BATCHES)
        .map(|_| {
            let inputs: Vec<T> = (0..BATCH).map(|_| make()).collect();
            let began = Instant::now();
            for input in inputs {
                drop(black_box(run(black_box(input))));
            }
            began.elapsed().as_nanos() / BATCH as u128
        })
        .collect();
    times.sort_unstable();
    [BATCHES / 4, BATCHES / 2, BATCHES * 3 / 4].map(|place| times.get(place).copied().unwrap_or_default())
}
