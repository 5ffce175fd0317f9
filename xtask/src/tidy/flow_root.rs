//! The request path has four doors: whoever imports it can serve, build and control, ask what access rules come to, and
//! reach no stage.

use super::source::{head_end, line_at, words};
use super::{Facts, Found};

const ROOT: &str = "crates/flow/src/lib.rs";
const DOORS: &[&str] = &["serve", "build", "control", "access"];
/// Types that the doors' signatures name. Short on purpose.
const NAMED_BY_THE_DOORS: &[&str] = &[];

pub(super) fn check(facts: &Facts) -> Vec<Found> {
    let Some(root) = facts.sources.iter().find(|source| source.path == ROOT) else {
        return Vec::new();
    };
    let exports = exports(&root.production);
    let mut found = Vec::new();
    for (line, name) in &exports {
        if !DOORS.contains(&name.as_str()) && !NAMED_BY_THE_DOORS.contains(&name.as_str()) {
            let message = format!("flow exports `{name}`; its root is {} and nothing else", DOORS.join(", "));
            found.push((ROOT.to_owned(), *line, message));
        }
    }
    for door in DOORS.iter().filter(|door| !exports.iter().any(|(_, name)| name == *door)) {
        found.push((ROOT.to_owned(), 1, format!("flow does not export `{door}`")));
    }
    found
}

/// Every name that a `pub` item at the top of a file makes public, with its line.
fn exports(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for at in words(code, "pub").filter(|at| depth(code, *at) == 0) {
        let from = at + "pub".len();
        let rest = code.get(from..).unwrap_or_default();
        if rest.trim_start().starts_with('(') {
            continue;
        }
        let is_use = rest.split_whitespace().next() == Some("use");
        let end = if is_use { rest.find(';').map(|end| from + end) } else { head_end(code, from) };
        let head = code.get(from..end.unwrap_or(code.len())).unwrap_or_default();
        let line = line_at(code, at);
        if is_use {
            found.extend(used(head).map(|name| (line, name)));
        } else if let Some(name) = defined(head) {
            found.push((line, name));
        }
    }
    found
}

/// How many braces are open before an offset.
fn depth(code: &str, at: usize) -> usize {
    let before = code.get(..at).unwrap_or_default();
    before.matches('{').count().saturating_sub(before.matches('}').count())
}

/// The names at the leaves of a `use` tree, as they are called outside. A glob is a name too: `*`.
fn used(head: &str) -> impl Iterator<Item = String> {
    let leaves = head.split(['{', '}', ',']).map(str::trim).filter(|leaf| !leaf.is_empty() && !leaf.ends_with("::"));
    leaves.filter_map(|leaf| leaf.rsplit([':', ' ']).next().map(str::to_owned))
}

/// The name after the keyword that defines an item: the last identifier before generics, parameters or a type.
fn defined(head: &str) -> Option<String> {
    let head = head.split(['(', '<', ':', '=']).next()?;
    head.split_whitespace().take_while(|word| *word != "where" && *word != "for").last().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::exports;

    fn names(code: &str) -> Vec<String> {
        exports(code).into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn every_kind_of_public_item_is_an_export() {
        assert_eq!(names("pub mod a; mod b; pub(crate) mod c; pub use x::Y;"), ["a", "Y"]);
        assert_eq!(names("pub use x::{a, b::{C, D as E}, F};"), ["a", "C", "E", "F"]);
        assert_eq!(names("pub use x::*;"), ["*"]);
        assert_eq!(names("pub fn f<T: U>(x: T) {} pub async fn g() {}"), ["f", "g"]);
        assert_eq!(
            names("pub struct S { pub x: u8 } pub struct T(u8); pub enum E {} pub trait Q: R {}"),
            ["S", "T", "E", "Q"]
        );
        assert_eq!(names("pub const C: u8 = 1; pub static D: u8 = 1; pub type A<T> = B<T>;"), ["C", "D", "A"]);
    }

    #[test]
    fn the_line_is_that_of_the_item() {
        assert_eq!(exports("mod a;\n\npub mod b;\n"), [(3, "b".to_owned())]);
    }
}
