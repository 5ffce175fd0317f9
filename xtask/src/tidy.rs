//! The architecture as checks: walls between the rooms, budgets, habits, licences, links.
//!
//! A check is one file: a function from facts to findings, and a line in `CHECKS`. It reads the facts it is given and
//! nothing else, so that a test can plant a violation into a miniature tree.

mod budgets;
mod changelog;
mod flow_root;
mod functions;
mod fuzzed;
mod habits;
mod headers;
mod links;
mod metadata;
mod paths;
mod reach;
mod siblings;
mod source;
mod supply;
mod tree;
mod walls;

use std::fmt;
use std::path::Path;

use anyhow::Result;

use self::metadata::Metadata;
use self::source::Source;
use self::tree::Tree;

/// What the checks look at.
pub(crate) struct Facts {
    /// Every file of the repository.
    tree: Tree,
    /// The Rust files of it, scanned.
    sources: Vec<Source>,
    /// The packages and what they depend on.
    metadata: Metadata,
}

/// One thing that is not as agreed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Which check found it.
    pub(crate) check: &'static str,
    /// Relative to the root.
    pub(crate) path: String,
    /// Counted from one.
    pub(crate) line: usize,
    pub(crate) level: Level,
    /// What is wrong and what to do.
    pub(crate) message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Warn,
    Fail,
}

/// What a check finds: path, line, message.
type Found = (String, usize, String);

/// A check by its name.
type Check = (&'static str, fn(&Facts) -> Vec<Found>);

/// In the order they report.
const CHECKS: &[Check] = &[
    ("walls", walls::check),
    ("reach", reach::check),
    ("siblings", siblings::check),
    ("flow-root", flow_root::check),
    ("file-length", budgets::too_long),
    ("function-length", functions::check),
    ("headers", headers::check),
    ("habits", habits::check),
    ("fuzzed", fuzzed::check),
    ("licences", supply::licences),
    ("bans", supply::bans),
    ("sources", supply::sources),
    ("deny", supply::mirror),
    ("changelog", changelog::check),
    ("links", links::check),
    ("paths", paths::check),
];

/// Said, but no reason to fail.
const WARNINGS: &[Check] = &[("file-length", budgets::getting_long)];

impl Facts {
    /// From a checkout, through git and cargo.
    pub(crate) fn gather(root: &Path) -> Result<Self> {
        Ok(Self::new(Tree::tracked(root)?, Metadata::load(root)?))
    }

    /// From what was read.
    fn new(tree: Tree, metadata: Metadata) -> Self {
        let rust = tree.texts().filter(|(path, _)| Path::new(path).extension().is_some_and(|end| end == "rs"));
        let sources = rust.map(|(path, text)| Source::scan(path, text)).collect();
        Self { tree, sources, metadata }
    }
}

/// Runs every check.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let found = |level| move |(check, run): &Check| finding(check, level, run(facts));
    CHECKS.iter().flat_map(found(Level::Fail)).chain(WARNINGS.iter().flat_map(found(Level::Warn))).collect()
}

fn finding(check: &'static str, level: Level, found: Vec<Found>) -> Vec<Finding> {
    found.into_iter().map(|(path, line, message)| Finding { check, path, line, level, message }).collect()
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Warn => "warning",
            Level::Fail => "error",
        };
        write!(f, "{}:{}: {level}: {} [{}]", self.path, self.line, self.message, self.check)
    }
}

#[cfg(test)]
mod tests;
