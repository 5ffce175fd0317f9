//! How long a function may be, in lines of its body that hold code. Waivers are named, may not grow, and are removed
//! when they are no longer needed.

use std::collections::BTreeMap;

use super::source::{Source, closing, head_end, line_at, words};
use super::{Facts, Found};

const FAIL: usize = 70;
/// Lines `path::function lines reason`; `#` starts a comment.
const WAIVERS: &str = "xtask/waivers.txt";
/// May only shrink.
const WAIVERS_AT_MOST: usize = 0;

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
struct Function {
    name: String,
    /// Where its `fn` is.
    line: usize,
    /// Of the body, without blank ones and comments.
    lines: usize,
}

/// A line of the list.
struct Waiver<'a> {
    line: usize,
    /// `path::function`.
    what: &'a str,
    lines: usize,
}

pub(super) fn check(facts: &Facts) -> Vec<Found> {
    let (waivers, mut found) = waivers(facts.tree.text(WAIVERS).unwrap_or_default());
    let allowed: BTreeMap<&str, usize> = waivers.iter().map(|waiver| (waiver.what, waiver.lines)).collect();
    let mut longest: BTreeMap<String, usize> = BTreeMap::new();
    for source in facts.sources.iter().filter(|source| source.is_production() && !source.is_generated()) {
        for function in functions(source) {
            let what = format!("{}::{}", source.path, function.name);
            if function.lines > allowed.get(what.as_str()).copied().unwrap_or(FAIL) {
                let message = format!("`{}` has {} lines, more than {FAIL}; split it", function.name, function.lines);
                found.push((source.path.clone(), function.line, message));
            }
            let known = longest.entry(what).or_default();
            *known = function.lines.max(*known);
        }
    }
    for waiver in &waivers {
        let needed = longest.get(waiver.what).copied().unwrap_or_default();
        if needed <= FAIL {
            let message = format!("`{}` needs no waiver any more; remove the line", waiver.what);
            found.push((WAIVERS.to_owned(), waiver.line, message));
        } else if needed < waiver.lines {
            let message = format!("`{}` has shrunk to {needed} lines; lower its waiver", waiver.what);
            found.push((WAIVERS.to_owned(), waiver.line, message));
        }
    }
    if waivers.len() > WAIVERS_AT_MOST {
        let message = format!("{} waivers, at most {WAIVERS_AT_MOST}: the list may only shrink", waivers.len());
        found.push((WAIVERS.to_owned(), 1, message));
    }
    found
}

/// The list, and what is wrong with its form.
fn waivers(text: &str) -> (Vec<Waiver<'_>>, Vec<Found>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut parts = line.splitn(3, ' ');
        match (parts.next(), parts.next().and_then(|lines| lines.parse().ok()), parts.next()) {
            (Some(what), Some(lines), Some(_reason)) => good.push(Waiver { line: number, what, lines }),
            _ => bad.push((WAIVERS.to_owned(), number, "write `path::function lines reason`".to_owned())),
        }
    }
    (good, bad)
}

/// Every function of the production part.
fn functions(source: &Source) -> Vec<Function> {
    let code = source.production.as_str();
    words(code, "fn").filter_map(|at| function(code, at)).collect()
}

/// The function whose `fn` is at this offset; nothing for a type `fn(...)` or a function without a body.
fn function(code: &str, at: usize) -> Option<Function> {
    let rest = code.get(at + "fn".len()..)?.trim_start();
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '#')).collect();
    if name.is_empty() {
        return None;
    }
    let open = head_end(code, at)?;
    if code.as_bytes().get(open) != Some(&b'{') {
        return None;
    }
    let body = code.get(open + 1..closing(code, open))?;
    let lines = body.lines().filter(|line| !line.trim().is_empty()).count();
    Some(Function { name, line: line_at(code, at), lines })
}

#[cfg(test)]
mod tests {
    use super::{Function, Source, functions};

    fn found(text: &str) -> Vec<Function> {
        functions(&Source::scan("crates/core/src/a.rs", text))
    }

    #[test]
    fn bodies_are_counted_without_blanks_and_comments() {
        let text = "fn a() {\n    // why\n\n    let s = \"x\n    y\";\n    f(fn_b)\n}\n\npub(crate) async fn b() {}\n";
        let expected =
            [Function { name: "a".into(), line: 1, lines: 3 }, Function { name: "b".into(), line: 9, lines: 0 }];
        assert_eq!(found(text), expected);
    }

    #[test]
    fn types_and_declarations_are_no_functions() {
        assert_eq!(found("type F = fn(u8) -> u8;\ntrait T { fn t(&self) -> [u8; 4]; }\nconst C: fn() = f;"), []);
    }
}
