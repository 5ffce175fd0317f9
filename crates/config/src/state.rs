//! Where the gateway keeps what outlives it. It must not know how that is written in a configuration, nor open anything.

use std::sync::Arc;

use sluicegate_core::Span;

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
