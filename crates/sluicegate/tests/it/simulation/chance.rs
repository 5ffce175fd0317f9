//! Chance by seed: the same draws for the same seed, apart for each part of the simulated world.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use sluicegate_core::Dice as _;
use sluicegate_testkit::SeededDice;

pub(super) struct Chance(SeededDice);

impl Chance {
    /// The draws of `part`. What one part draws moves no other's draws.
    pub(super) fn of(seed: u64, part: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (seed, part).hash(&mut hasher);
        Self(SeededDice::new(hasher.finish()))
    }

    /// A number from `least` to `most`, both included.
    pub(super) fn between(&self, least: u64, most: u64) -> u64 {
        least + self.0.roll() % (most - least + 1)
    }

    pub(super) fn one_in(&self, count: u64) -> bool {
        self.between(1, count) == 1
    }

    pub(super) fn pick<'a, T>(&self, items: &'a [T]) -> &'a T {
        &items[usize::try_from(self.between(0, items.len() as u64 - 1)).unwrap()]
    }

    pub(super) fn millis(&self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.between(least, most))
    }
}
