//! A small tree that every check accepts, and one planted violation of each kind: tidy must find exactly that.

mod code;
mod crates;
mod files;
mod mini;

use super::{Finding, Level};

/// The one finding there is, as `check path:line`, and its message.
fn only(findings: &[Finding]) -> (String, &str) {
    let [finding] = findings else { panic!("one finding expected, not {findings:#?}") };
    assert_eq!(finding.level, Level::Fail);
    (format!("{} {}:{}", finding.check, finding.path, finding.line), finding.message.as_str())
}
