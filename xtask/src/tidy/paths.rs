//! No file of the repository speaks of the machine it was written on.

use super::{Facts, Found};

/// Put together here, so that this file does not contain them.
const MACHINE: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("../sha", "red/")];

pub(super) fn check(facts: &Facts) -> Vec<Found> {
    let mut found = Vec::new();
    for (path, text) in facts.tree.texts() {
        for (number, line) in (1..).zip(text.lines()) {
            for word in MACHINE.iter().filter(|word| names_machine(line, word)) {
                let message = format!("`{word}` is a path of one machine; say it relative to the repository");
                found.push((path.to_owned(), number, message));
            }
        }
    }
    found
}

/// Whether the word starts a path on this line: `/ro...t/` within a longer path or an address is another folder.
fn names_machine(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '}' | '>' | '/'))
    })
}
