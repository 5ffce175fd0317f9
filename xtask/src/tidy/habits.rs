//! What production code must not contain. Clippy knows the types and finds more; this also sees code that clippy does
//! not compile on this machine.

use super::source::{line_at, words};
use super::{Facts, Found};

/// Word and advice. `.expect(` is judged by its argument: parsers have methods of that name.
const WORDS: &[(&str, &str)] = &[
    (".unwrap()", "return the error, or match"),
    (".unwrap_err()", "match"),
    ("todo!", "a stage to come has its place in the types, not in a stub"),
    ("unimplemented!", "what is not there is refused by name"),
    ("dbg!", "use tracing"),
];
/// The one room that may have `unsafe`: the engine it wraps is foreign code.
const UNSAFE_ROOM: &str = "crates/runtime/";

pub(super) fn check(facts: &Facts) -> Vec<Found> {
    let mut found = Vec::new();
    for source in &facts.sources {
        let mut add =
            |at: usize, message: String| found.push((source.path.clone(), line_at(&source.code, at), message));
        for (word, advice) in WORDS {
            for at in words(&source.production, word) {
                add(at, format!("no `{word}` in production code: {advice}"));
            }
        }
        for at in words(&source.production, ".expect(").filter(|at| is_message(&source.production, *at)) {
            add(at, "no `.expect(...)` in production code: return the error, or match".to_owned());
        }
        if !source.path.starts_with(UNSAFE_ROOM) {
            for at in words(&source.code, "unsafe") {
                add(at, format!("`unsafe` is only for {UNSAFE_ROOM}; elsewhere it takes an ADR"));
            }
        }
    }
    found
}

/// Whether the argument of the `.expect(` at this offset is a text, and so the standard library's.
fn is_message(code: &str, at: usize) -> bool {
    let argument = code.get(at + ".expect(".len()..).unwrap_or_default().trim_start();
    let literal = argument.trim_start_matches(['&', 'r']);
    literal.starts_with('"') || literal.starts_with("format!") || literal.starts_with("concat!")
}
