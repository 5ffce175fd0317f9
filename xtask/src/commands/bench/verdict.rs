//! Whether a window measured what it should: its own load, and no errors.

use std::fmt;

use super::window::{Window, float};

/// Cores that others may take, of one.
const OTHERS: f64 = 0.05;
/// The same by the machine's own counters, which count coarsely: they are off by some hundredths of a core in a window,
/// but see processes that are gone again.
const OTHERS_COARSE: f64 = 0.15;
/// Part of all cores' time that the host may withhold.
const STEAL: f64 = 0.02;
/// Part of a fixed rate that must have been kept.
const KEPT: f64 = 0.97;

/// Why a window does not count.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Void {
    Errors(u64, String),
    Nothing,
    /// Cores that other processes took.
    Others(f64),
    /// Part of the time that was stolen.
    Steal(f64),
    /// Requests a second, where more were asked for.
    Behind(f64),
}

/// What is wrong with a window on a machine of so many cores, `rate` being what it was to keep.
pub(super) fn judge(window: &Window, cores: u64, rate: Option<f64>) -> Result<(), Void> {
    if window.errors > 0 {
        return Err(Void::Errors(window.errors, window.first_error.clone().unwrap_or_default()));
    }
    if window.completed == 0 && window.chunks == 0 {
        return Err(Void::Nothing);
    }
    let others = window.cores(window.others_ns);
    let coarse = window.cores(window.machine_ns.saturating_sub(window.proxy_ns + window.own_ns));
    if others > OTHERS || coarse > OTHERS_COARSE {
        return Err(Void::Others(others.max(coarse)));
    }
    let steal = window.cores(window.steal_ns) / float(cores.max(1));
    if steal > STEAL {
        return Err(Void::Steal(steal));
    }
    match rate {
        Some(rate) if window.rate() < rate * KEPT => Err(Void::Behind(window.rate())),
        _ => Ok(()),
    }
}

impl fmt::Display for Void {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errors(count, first) => write!(formatter, "{count} errors, the first: {first}"),
            Self::Nothing => write!(formatter, "nothing was answered"),
            Self::Others(cores) => write!(formatter, "other processes took {cores:.2} of a core"),
            Self::Steal(part) => write!(formatter, "the host withheld {:.1} % of the time", part * 100.0),
            Self::Behind(rate) => write!(formatter, "only {rate:.0} requests a second"),
        }
    }
}
