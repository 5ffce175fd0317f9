//! The parts, and what each of them finds.

use anyhow::Result;

use super::field::Programs;
use super::{cancellation, deadlines, isolation, reloads, replacements, slow};
use crate::commands::faults::judge::Verdict;

/// One thing that is measured.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) measure: fn(&Programs) -> Result<Found>,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) columns: &'static [&'static str],
    pub(super) rows: Vec<Vec<String>>,
    pub(super) verdicts: Vec<Verdict>,
    /// Figures that are not asked for.
    pub(super) notes: Vec<String>,
    /// Why the machine measured something else.
    pub(super) void: Option<Verdict>,
}

pub(super) const PARTS: &[Part] = &[
    Part { name: "reloads", measure: reloads::measure },
    Part { name: "replacements", measure: replacements::measure },
    Part { name: "slow-clients", measure: slow::measure },
    Part { name: "deadlines", measure: deadlines::measure },
    Part { name: "cancellation", measure: cancellation::measure },
    Part { name: "isolation", measure: isolation::measure },
];

impl Found {
    /// One more bound.
    pub(super) fn bound(&mut self, kept: bool, text: String) {
        self.verdicts.push(Verdict { kept, text });
    }

    /// One about time, which a machine that does other things as well cannot be asked: `quick` leaves it out.
    pub(super) fn bound_of_time(&mut self, programs: &Programs, kept: bool, text: String) {
        if !programs.quick {
            self.bound(kept, text);
        }
    }
}
