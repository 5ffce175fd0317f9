//! The shape of configuration as data: one table drives checking, the JSON Schema and the documentation.

/// What may stand at a place.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Any text.
    Text,
    /// A name of ours: letters, digits, `.`, `_`, `-`; at most 128 characters; begins with a letter or digit.
    Name,
    /// A path, relative to the file it stands in.
    Path,
    /// `true` or `false`.
    Bool,
    /// A whole number within bounds.
    Integer {
        /// The least allowed.
        min: u64,
        /// The greatest allowed.
        max: u64,
    },
    /// Such as `250ms`, within bounds in milliseconds.
    Duration {
        /// The least allowed, in milliseconds.
        min_ms: u64,
        /// The greatest allowed, in milliseconds.
        max_ms: u64,
    },
    /// Such as `64MiB`, within bounds in bytes.
    Size {
        /// The least allowed.
        min: u64,
        /// The greatest allowed.
        max: u64,
    },
    /// Such as `10%`, within bounds in thousandths of one per cent.
    Share {
        /// The least allowed.
        min: u32,
        /// The greatest allowed.
        max: u32,
    },
    /// Such as `200/s`: so many in a second, minute, hour or day.
    Rate,
    /// `host:port` with a numeric host.
    Address,
    /// A group of addresses, such as `10.0.0.0/8`.
    Network,
    /// `http://host[:port][/prefix]`.
    Url,
    /// One of some words; each with what it means. A word without a meaning is known from the design but not built: it is
    /// refused as "not in this build", and absent from schema and documentation.
    Choice(&'static [(&'static str, &'static str)]),
    /// A sequence with at least one item.
    List(&'static Shape),
    /// A mapping with keys of the user's choice.
    Map {
        /// What a key is, for documentation: `NAME`, `VERSION`.
        key: &'static str,
        /// What each value is.
        value: &'static Shape,
    },
    /// A mapping with these keys.
    Object(&'static [Field]),
    /// A mapping with the keys of one of these groups: of the one whose first key it has.
    OneOf(&'static [&'static [Field]]),
    /// In short a scalar, in full a mapping.
    Either(&'static Shape, &'static Shape),
    /// A mapping whose other keys are those of the catalogue's kind that its key `protocol` names.
    Kind(&'static [Field]),
}

/// A key.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What stands behind it.
    pub shape: Shape,
    /// Whether it must be given.
    pub required: bool,
    /// What it does, in a sentence or two.
    pub doc: &'static str,
    /// What holds where it is not given.
    pub default: Option<&'static str>,
    /// `false`: known from the design, refused as "not in this build", and absent from schema and documentation.
    pub built: bool,
}

impl Field {
    /// A key that may be left out.
    #[must_use]
    pub const fn optional(name: &'static str, shape: Shape, default: &'static str, doc: &'static str) -> Self {
        Self { name, shape, required: false, doc, default: Some(default), built: true }
    }

    /// A key that may be left out and then means nothing.
    #[must_use]
    pub const fn absent(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self { name, shape, required: false, doc, default: None, built: true }
    }

    /// A key that must be given.
    #[must_use]
    pub const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self { name, shape, required: true, doc, default: None, built: true }
    }

    /// A key of a capability that this build does not have.
    #[must_use]
    pub const fn later(name: &'static str) -> Self {
        Self { name, shape: Shape::Text, required: false, doc: "", default: None, built: false }
    }
}

/// The candidate nearest to `word`, if one is near enough to be a slip of the pen.
#[must_use]
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = match word.chars().count() {
        0..=2 => 1,
        3..=5 => 2,
        _ => 3,
    };
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace, swap neighbours) that turn one word into the other.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(64).collect();
    let right: Vec<char> = right.chars().take(64).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, letter) in left.iter().enumerate() {
        let mut current = Vec::with_capacity(above.len());
        current.push(row + 1);
        for (column, other) in right.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX - 1);
            let mut best = (at(&above, column) + usize::from(letter != other))
                .min(at(&above, column + 1) + 1)
                .min(at(&current, column) + 1);
            let swapped =
                row > 0 && column > 0 && left.get(row - 1) == Some(other) && right.get(column - 1) == Some(letter);
            if swapped {
                best = best.min(at(&before, column - 1) + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut above, current);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{distance, suggest};

    #[test]
    fn distances() {
        assert_eq!(distance("adress", "address"), 1);
        assert_eq!(distance("lisetners", "listeners"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn suggestions_are_near() {
        assert_eq!(suggest("adress", ["authenticate", "address"]), Some("address"));
        assert_eq!(suggest("colour", ["address", "models"]), None);
        assert_eq!(suggest("ab", ["cd"]), None);
    }
}
