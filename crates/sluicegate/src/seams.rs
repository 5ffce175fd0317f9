//! The real clock and the real dice.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::time::{Instant, SystemTime};

use sluicegate_core::{Clock, Dice};

/// Time of this machine, through the runtime, so that a paused runtime pauses the gateway.
#[derive(Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where the time of day enters")]
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// Chance for ids: a fast generator a thread, seeded by the system.
#[derive(Debug)]
pub(crate) struct ThreadDice;

thread_local! {
    // The standard library seeds this from the operating system.
    static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(std::thread::current().id()));
}

impl Dice for ThreadDice {
    /// SplitMix64.
    fn roll(&self) -> u64 {
        let state = STATE.with(|state| {
            state.set(state.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
            state.get()
        });
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
