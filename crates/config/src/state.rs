//! Where the gateway keeps what outlives it. It must not know how that is written in a configuration, nor open anything.

use std::sync::Arc;

use sluicegate_core::{Mistake, Span};

use crate::Resolved;

/// Where state is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The path of the SQLite file, which can be opened.
    pub sqlite: Arc<str>,
    /// Where the secret is with which digests of keys are made.
    pub pepper: Pepper,
    /// Where `store` stands.
    pub span: Span,
}

/// Where the pepper is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pepper {
    /// In the file beside the store, which is made at the first use.
    Beside,
    /// In a file, whose path can be opened.
    File(Arc<str>),
    /// In an environment variable.
    Env(Arc<str>),
}

impl Resolved {
    /// What is wrong where a listener takes keys (as `at` says) and nothing says where they are kept.
    #[must_use]
    pub fn lacks_store(&self, at: &Span) -> Option<Mistake> {
        let mistake = || Mistake::at(at, "keys are taken, and nothing says where they are kept");
        self.state.is_none().then(|| mistake().help("write `state: { store: { sqlite: PATH } }`"))
    }
}
