//! How long a file may be: the production part of it, comments included.

use super::source::Source;
use super::{Facts, Found};

/// Said from here on.
const WARN: usize = 350;
/// Refused from here on.
const FAIL: usize = 500;

/// Files that are read whole, and so have less.
const SHORTER: &[(&str, usize)] = &[("crates/sluicegate/src/main.rs", 150), ("crates/flow/src/serve.rs", 200)];

pub(super) fn too_long(facts: &Facts) -> Vec<Found> {
    over(facts, |source, lines| lines > limit(source))
}

pub(super) fn getting_long(facts: &Facts) -> Vec<Found> {
    over(facts, |source, lines| lines > WARN && lines <= limit(source))
}

fn limit(source: &Source) -> usize {
    SHORTER.iter().find(|(path, _)| *path == source.path).map_or(FAIL, |(_, lines)| *lines)
}

fn over(facts: &Facts, is: impl Fn(&Source, usize) -> bool) -> Vec<Found> {
    let counted = facts.sources.iter().filter(|source| !source.is_generated());
    counted
        .filter(|source| is(source, source.production_lines))
        .map(|source| {
            let lines = source.production_lines;
            let message = format!("{lines} production lines of at most {}; split it by what it knows", limit(source));
            (source.path.clone(), 1, message)
        })
        .collect()
}
