//! From configuration text to what the gateway runs by: sources in, [`Resolved`] or every mistake out.
//!
//! Pure: the binary gathers the sources, and nothing here opens a file or a socket. It must not know an adapter, a
//! protocol or the request path; kinds of backends come through [`sluicegate_core::Catalog`].

mod resolved;

use sluicegate_core::{Catalog, Mistake, Source, Span};

pub use resolved::{Admin, Limits, Listener, Method, Model, Resolved, Version};

/// The largest file that is read, in bytes; the binary need not hand over more than one byte beyond it.
pub const MAX_FILE: usize = 4 << 20;

/// What configuration is made of, gathered by the binary.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The file the user named.
    pub root: Source,
    /// The files its `include` patterns match. Their paths can be opened: relative ones are already joined with the
    /// root's folder.
    pub includes: Vec<Source>,
}

/// Says what a model file's SHA-256 is, in hexadecimal, or why it cannot be read.
pub type Digest<'a> = &'a mut dyn FnMut(&str) -> Result<String, String>;

/// The patterns of `include`, as written, relative to the root file's folder. Mistakes elsewhere do not matter.
#[must_use]
pub fn includes(root: &Source) -> Vec<String> {
    let _ = root;
    Vec::new()
}

/// Reads a configuration.
///
/// # Errors
/// Every mistake at once, in the order of their places.
pub fn load(sources: &Sources, catalog: &Catalog, digest: Digest<'_>) -> Result<Resolved, Vec<Mistake>> {
    let _ = (catalog, digest);
    let span = Span { file: sources.root.path.clone(), line: 1, column: 1 };
    Err(vec![Mistake::at(&span, "configuration cannot be read yet")])
}

/// The JSON Schema (draft 2020-12) of the root file; include files are its `$defs/include`.
#[must_use]
pub fn schema(catalog: &Catalog) -> serde_json::Value {
    let _ = catalog;
    serde_json::Value::Null
}

/// The reference of every key, in Markdown.
#[must_use]
pub fn markdown(catalog: &Catalog) -> String {
    let _ = catalog;
    String::new()
}
