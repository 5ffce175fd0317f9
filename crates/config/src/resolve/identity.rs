//! How callers show who they are: defaults filled in, repetitions refused.

use sluicegate_core::Node;

use crate::mistakes::Mistakes;
use crate::{Identity, KeyHeader};

/// What the root file says about keys.
pub(super) fn identity(root: &Node, mistakes: &mut Mistakes) -> Identity {
    let headers = root.get("identity").and_then(|node| node.get("api_key")).and_then(|node| node.get("headers"));
    let mut known: Vec<KeyHeader> = Vec::new();
    for item in headers.map(Node::items).unwrap_or_default() {
        let Some(header) = KeyHeader::ALL.into_iter().find(|header| item.text() == Some(header.as_str())) else {
            continue;
        };
        if known.contains(&header) {
            mistakes.at(&item.span, format!("the header `{}` is given twice", header.as_str()));
        } else {
            known.push(header);
        }
    }
    if known.is_empty() { Identity::default() } else { Identity { key_headers: known, ..Identity::default() } }
}
