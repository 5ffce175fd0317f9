//! Every parser of untrusted bytes has a fuzz target, and every target has a corpus to start from.

use super::{Facts, Found};

/// A parser's file and the target that feeds it.
pub(super) const PARSERS: &[(&str, &str)] = &[];

const MANIFEST: &str = "fuzz/Cargo.toml";
const TARGETS: &str = "fuzz/targets";
const CORPUS: &str = "fuzz/corpus";

pub(super) fn check(facts: &Facts) -> Vec<Found> {
    let mut found = Vec::new();
    for (parser, target) in PARSERS {
        if !facts.tree.holds(parser) {
            let message = format!("{parser} is gone; correct PARSERS in xtask/src/tidy/fuzzed.rs");
            found.push(((*parser).to_owned(), 1, message));
        } else if !facts.tree.holds(&format!("{TARGETS}/{target}.rs")) {
            found.push((
                (*parser).to_owned(),
                1,
                format!("no fuzz target for this parser; write {TARGETS}/{target}.rs"),
            ));
        }
    }
    for path in facts.tree.below(TARGETS).filter(|path| path.ends_with(".rs")) {
        let name = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
        if facts.tree.below(&format!("{CORPUS}/{name}")).next().is_none() {
            found.push((path.to_owned(), 1, format!("no corpus; put an input or more into {CORPUS}/{name}/")));
        }
        let manifest = facts.tree.text(MANIFEST).unwrap_or_default();
        if !manifest.lines().any(|line| line.trim() == format!("name = \"{name}\"")) {
            found.push((path.to_owned(), 1, format!("not built; add a `[[bin]]` named {name} to {MANIFEST}")));
        }
    }
    found
}
