//! The places where time and chance enter, so that a test can hold both.

use std::time::{Instant, SystemTime};

/// Time. All of the gateway's own waiting and stamping goes through one clock.
pub trait Clock: Send + Sync + 'static {
    /// Monotonic time, for durations and deadlines.
    fn now(&self) -> Instant;
    /// Time of day, for stamps in logs.
    fn wall(&self) -> SystemTime;
}

/// Chance. Used for ids and for choices that need not be guessed by nobody; never for keys.
pub trait Dice: Send + Sync + 'static {
    /// Sixty-four evenly distributed bits.
    fn roll(&self) -> u64;
}
