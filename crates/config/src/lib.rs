//! From configuration text to what the gateway runs by: sources in, [`Resolved`] or every mistake out.
//!
//! Pure: the binary gathers the sources, and nothing here opens a file or a socket. It must not know an adapter, a
//! protocol or the request path; kinds of backends come through [`sluicegate_core::Catalog`].

mod access;
mod check;
mod identity;
mod limits;
mod markdown;
mod mistakes;
mod names;
mod reading;
mod resilience;
mod resolve;
mod resolved;
mod scalar;
mod schema;
mod state;
mod table;
mod text;
mod url;
mod words;

use sluicegate_core::{Catalog, Mistake, Node, Shape, Source};

use self::mistakes::Mistakes;
use self::resolve::Checked;

pub use access::{AccessRule, Effect, PolicyMode, Tenant, Who};
pub use identity::{Identity, KeyHeader};
pub use limits::{Limit, LimitMode, Per, Select};
pub use markdown::markdown;
pub use resilience::{Balance, Concurrency, Ejection, Hedge, Priority, Probing, Resilience, Retry, Timeouts};
pub use resolve::backends::endpoints;
pub use resolved::{
    Admin, Backend, Exposure, HostName, Limits, Listener, Method, Model, Overload, Resolved, StreamTimes, Version,
};
pub use schema::schema;
pub use state::{Pepper, State};

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

/// The files that a configuration names, opened by the binary.
pub trait Files {
    /// The SHA-256 of a model file, in hexadecimal.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn digest(&mut self, path: &str) -> Result<String, String>;

    /// What is in a file of certificates, or in that of a key.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read(&mut self, path: &str) -> Result<Vec<u8>, String>;

    /// What is in a file of endpoints; `None` where there is no such file. Its content is no part of the configuration.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn endpoints(&mut self, path: &str) -> Result<Option<String>, String>;
}

/// For callers without files: what the function gives stands for the digest and for the content alike.
impl<F: FnMut(&str) -> Result<String, String>> Files for F {
    fn digest(&mut self, path: &str) -> Result<String, String> {
        self(path)
    }

    fn read(&mut self, path: &str) -> Result<Vec<u8>, String> {
        self(path).map(String::into_bytes)
    }

    fn endpoints(&mut self, path: &str) -> Result<Option<String>, String> {
        self(path).map(Some)
    }
}

/// The patterns of `include`, as written, relative to the root file's folder. Mistakes elsewhere do not matter.
#[must_use]
pub fn includes(root: &Source) -> Vec<String> {
    let Some(node) = text::parse_part(root) else { return Vec::new() };
    let patterns = node.get("include").map(Node::items).unwrap_or_default();
    patterns.iter().filter_map(Node::text).filter(|pattern| !pattern.is_empty()).map(str::to_owned).collect()
}

/// Where a configuration's state is kept, whatever is wrong elsewhere in it: a key must be revocable when it is broken.
///
/// # Errors
/// The mistakes of the text, and those below `state`.
pub fn state(root: &Source, catalog: &Catalog) -> Result<Option<State>, Vec<Mistake>> {
    let mut mistakes = Mistakes::default();
    let node = text::parse(root, &mut mistakes);
    if let Some(state) = node.as_ref().and_then(|node| node.get("state")) {
        check::alone("state", state, &Shape::Object(table::STATE), catalog, &mut mistakes);
    }
    let state = node.and_then(|node| resolve::state::state(&root.path, &node));
    if mistakes.is_empty() { Ok(state) } else { Err(mistakes.sorted()) }
}

/// Reads a configuration.
///
/// # Errors
/// Every mistake at once, in the order of their places; a last one counts those that were left out of a very long list.
pub fn load(sources: &Sources, catalog: &Catalog, files: &mut dyn Files) -> Result<Resolved, Vec<Mistake>> {
    let mut mistakes = Mistakes::default();
    let root = text::parse(&sources.root, &mut mistakes);
    if let Some(node) = &root {
        check::root(node, catalog, &mut mistakes);
    }
    let includes = read_includes(sources, root.as_ref(), catalog, &mut mistakes);
    // Without the root no name can be looked up; what the includes hold was checked as far as it goes alone.
    let resolved = root.map(|node| {
        let root = Checked { path: sources.root.path.clone(), node };
        resolve::resolve(&root, &includes, catalog, files, &mut mistakes)
    });
    match resolved {
        Some(resolved) if mistakes.is_empty() => Ok(resolved),
        Some(_) | None => Err(mistakes.sorted()),
    }
}

/// Reads and checks the include files in the order of their paths, whatever order they were gathered in.
fn read_includes(sources: &Sources, root: Option<&Node>, catalog: &Catalog, mistakes: &mut Mistakes) -> Vec<Checked> {
    let mut files: Vec<&Source> = sources.includes.iter().collect();
    files.sort_by(|left, right| left.path.cmp(&right.path));
    // Two patterns may match one file.
    files.dedup_by(|left, right| left.path == right.path);
    let at = root.and_then(|root| reading::key_span(root, "include").cloned());
    let at = at.unwrap_or_else(|| text::start(&sources.root));
    if files.len() > table::MAX_INCLUDES {
        mistakes.at(&at, format!("`include` takes in more than {} files", table::MAX_INCLUDES));
        files.truncate(table::MAX_INCLUDES);
    }
    if files.iter().any(|file| file.path == sources.root.path) {
        mistakes.helped(&at, "`include` takes in this file itself", "keep included files in a folder of their own");
        files.retain(|file| file.path != sources.root.path);
    }
    let mut checked = Vec::new();
    for file in files {
        if let Some(node) = text::parse(file, mistakes) {
            check::include(&node, catalog, mistakes);
            checked.push(Checked { path: file.path.clone(), node });
        }
    }
    checked
}
