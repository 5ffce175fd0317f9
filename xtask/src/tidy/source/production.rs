//! Tells what only tests compile from the rest.

use super::{closing, head_end, line_at};

const MARK: &str = "#[cfg(test)]";

/// The code with `#[cfg(test)]` items blanked, and how many lines are left.
pub(super) fn split(code: &str) -> (String, usize) {
    let mut left = String::with_capacity(code.len());
    let mut lines = code.lines().count();
    if code.trim_start().starts_with("#![cfg(test)]") {
        return (left, 0);
    }
    let mut from = 0;
    while let Some((start, end)) = next_test_item(code, from) {
        left.push_str(code.get(from..start).unwrap_or_default());
        let item = code.get(start..end).unwrap_or_default();
        left.extend(item.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        lines -= line_at(code, end) - line_at(code, start) + 1;
        from = end;
    }
    left.push_str(code.get(from..).unwrap_or_default());
    (left, lines)
}

/// The next item under the mark: its start, and the end behind its last character.
fn next_test_item(code: &str, from: usize) -> Option<(usize, usize)> {
    let start = from + code.get(from..)?.find(MARK)?;
    let head = head_end(code, start + MARK.len());
    let last = match head {
        Some(end) if code.as_bytes().get(end) == Some(&b'{') => closing(code, end),
        Some(end) => end,
        None => start + MARK.len() - 1,
    };
    Some((start, (last + 1).min(code.len())))
}
