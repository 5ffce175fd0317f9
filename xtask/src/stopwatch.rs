//! How long a step took. The one place of this crate that reads a clock.

use std::fmt;
use std::time::{Duration, Instant};

/// Runs from `start` on.
pub(crate) struct Stopwatch(Instant);

/// Seconds with one digit after the point, as a person reads it.
pub(crate) struct Seconds(pub(crate) Duration);

impl Stopwatch {
    /// Now.
    #[expect(clippy::disallowed_methods, reason = "the injected clock belongs to the gateway, not to its tools")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Since `start`.
    pub(crate) fn elapsed(&self) -> Seconds {
        Seconds(self.0.elapsed())
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} s", self.0.as_secs_f64())
    }
}
