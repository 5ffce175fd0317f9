//! Users learn what changed from one file, so there is always a place in it for what comes next.

use super::{Facts, Found};

const FILE: &str = "CHANGELOG.md";

pub(super) fn check(facts: &Facts) -> Vec<Found> {
    let text = facts.tree.text(FILE).unwrap_or_default();
    if text.lines().any(|line| line.trim_end() == "## [Unreleased]") {
        return Vec::new();
    }
    vec![(FILE.to_owned(), 1, "has no section `## [Unreleased]`; add it above the releases".to_owned())]
}
