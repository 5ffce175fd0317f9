//! Changes places in bytes without copying the rest.

use std::ops::Range;

use bytes::Bytes;

use crate::json::write;

/// What comes to stand in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) at: Range<usize>,
    pub(super) with: Bytes,
}

/// Gives `bytes` in pieces, edited. Edits do not overlap; their order does not matter.
pub(super) fn splice(bytes: &Bytes, edits: &mut [Edit], mut give: impl FnMut(Bytes)) {
    edits.sort_unstable_by_key(|edit| (edit.at.start, edit.at.end));
    let mut from = 0;
    for edit in edits {
        if from <= edit.at.start && edit.at.start <= edit.at.end && edit.at.end <= bytes.len() {
            give(bytes.slice(from..edit.at.start));
            give(edit.with.clone());
            from = edit.at.end;
        }
    }
    give(bytes.slice(from..));
}

/// `text` as a JSON string.
pub(super) fn quoted(text: &str) -> Bytes {
    let mut out = Vec::with_capacity(text.len() + 2);
    write::string(text, &mut out);
    out.into()
}
