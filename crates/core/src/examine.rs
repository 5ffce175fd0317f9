//! What an examination of a model server finds: plain data, in words for operators. Must not know how anything is found
//! out, nor how it is shown.

use std::time::SystemTime;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Good to know; nothing is wrong.
    Note,
    /// It will go wrong, or goes wrong now and then.
    Warning,
    /// It will go wrong within days.
    Urgent,
    /// It does not work.
    Broken,
}

/// One thing that was found, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub what: String,
    /// What to do; empty where nothing is to be done.
    pub advice: String,
}

/// What a server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Introduction {
    /// Its name and version, as far as it says them.
    pub software: Option<String>,
    /// The extensions of its protocol that it says it has.
    pub extensions: Vec<String>,
    /// The models that it lists; `None` where it has no list.
    pub models: Option<Vec<Listed>>,
    /// The time of day it gave with its answer, to the second.
    pub date: Option<SystemTime>,
    /// What its protocol's adapter makes of it.
    pub findings: Vec<Finding>,
}

/// A model, or a version of it, on a server's own list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its version, where that is listed.
    pub version: Option<String>,
    /// The server's word for how it does, where it has one.
    pub state: Option<String>,
    /// Why it does not do better.
    pub reason: Option<String>,
}

impl Level {
    /// How people read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Urgent => "urgent",
            Self::Broken => "broken",
        }
    }
}

impl Finding {
    /// A finding with nothing to do.
    pub fn new(level: Level, what: impl Into<String>) -> Self {
        Self { level, what: what.into(), advice: String::new() }
    }

    /// The same, with what to do.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }
}
