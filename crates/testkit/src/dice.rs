//! Chance that repeats itself.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use sluicegate_core::Dice;

/// Rolls the given numbers in turn, again and again.
#[derive(Debug)]
pub struct FixedDice {
    rolls: Vec<u64>,
    next: AtomicUsize,
}

/// Rolls evenly distributed numbers, the same ones for the same seed (SplitMix64).
#[derive(Debug)]
pub struct SeededDice(AtomicU64);

impl FixedDice {
    /// Dice that roll `rolls`; none roll zeros.
    pub fn new(rolls: impl Into<Vec<u64>>) -> Self {
        Self { rolls: rolls.into(), next: AtomicUsize::new(0) }
    }
}

impl Dice for FixedDice {
    fn roll(&self) -> u64 {
        let turn = self.next.fetch_add(1, Ordering::SeqCst);
        turn.checked_rem(self.rolls.len()).and_then(|place| self.rolls.get(place)).copied().unwrap_or(0)
    }
}

impl SeededDice {
    /// Dice that begin at `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Dice for SeededDice {
    fn roll(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut bits = self.0.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}

#[cfg(test)]
mod tests {
    use sluicegate_core::Dice;

    use super::{FixedDice, SeededDice};

    #[test]
    fn fixed_rolls_come_in_turn() {
        let dice = FixedDice::new([7, 9]);
        assert_eq!([dice.roll(), dice.roll(), dice.roll()], [7, 9, 7]);
        assert_eq!(FixedDice::new([]).roll(), 0);
    }

    #[test]
    fn seeds_repeat() {
        // The first output of SplitMix64 for seed 0, from its authors' reference code.
        assert_eq!(SeededDice::new(0).roll(), 0xe220_a839_7b1d_cdaf);
        assert_ne!(SeededDice::new(1).roll(), SeededDice::new(2).roll());
    }
}
