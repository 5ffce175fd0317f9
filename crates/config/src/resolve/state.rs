//! Where state is kept: paths made openable. It must not open them.

use sluicegate_core::{Node, Span};

use super::files::beside;
use crate::{Pepper, State};

/// The state of the root file, which lies at `file`.
pub(crate) fn state(file: &str, root: &Node) -> Option<State> {
    let state = root.get("state")?;
    let store = state.get("store")?;
    let path = |node: &Node| node.text().map(|text| beside(file, text));
    let pepper = state.get("pepper");
    let from = |key: &str| pepper.and_then(|pepper| pepper.get(key));
    let pepper = match (from("file").and_then(path), from("env").and_then(Node::text)) {
        (Some(path), _) => Pepper::File(path),
        (None, Some(name)) => Pepper::Env(name.into()),
        (None, None) => Pepper::Beside,
    };
    let sqlite = store.get("sqlite")?;
    let span: Span = sqlite.span.clone();
    Some(State { sqlite: path(sqlite)?, pepper, span })
}
