//! How shapes, keys and values are spelled for people, in mistakes and in the documentation alike. It must not know what
//! is right or wrong.

use sluicegate_core::Shape;

/// How much of a name a message repeats.
const SHOWN: usize = 64;

/// A name in backticks, without control characters, cut to a sensible length. Only for names, never for values.
pub(crate) fn quoted(name: &str) -> String {
    let mut shown: String = name.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if name.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// What stands at a place: "a duration from `1ms` to `1h`".
pub(crate) fn expected(shape: &Shape) -> String {
    match shape {
        Shape::Text => "text".to_owned(),
        Shape::Name => "a name".to_owned(),
        Shape::Path => "a path".to_owned(),
        Shape::Bool => "`true` or `false`".to_owned(),
        Shape::Integer { min, max } if min == max => format!("`{min}`"),
        Shape::Integer { min, max } => format!("a whole number from {min} to {max}"),
        Shape::Duration { min_ms, max_ms } => {
            format!("a duration from `{}` to `{}`", duration(*min_ms), duration(*max_ms))
        }
        Shape::Size { min, max } => format!("a size from `{}` to `{}`", size(*min), size(*max)),
        Shape::Share { min, max } => format!("a share from `{}` to `{}`", share(*min), share(*max)),
        Shape::Rate => "a rate such as `200/s`, `1000/day`".to_owned(),
        Shape::Address => "an address and port such as `127.0.0.1:8080`".to_owned(),
        Shape::Network => "an address or a network such as `10.0.0.0/8`".to_owned(),
        Shape::Url => "a URL such as `http://10.0.0.9:8080`".to_owned(),
        Shape::Choice(words) => match built(words).as_slice() {
            [(only, _)] => format!("`{only}`"),
            several => format!("one of {}", listed(several.iter().map(|(word, _)| *word))),
        },
        Shape::List(item) => format!("a list of which each item is {}", expected(item)),
        Shape::Map { key, .. } => format!("a mapping with a key for each {key}"),
        Shape::Object(_) | Shape::OneOf(_) | Shape::Kind(_) => "a mapping".to_owned(),
        Shape::Either(short, full) => format!("{}, or {}", expected(short), expected(full)),
    }
}

/// The words of a choice that this build knows; those without documentation come later.
pub(crate) fn built(words: &'static [(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    words.iter().filter(|(_, doc)| !doc.is_empty()).copied().collect()
}

/// "`a`, `b`, `c`".
pub(crate) fn listed<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Milliseconds as one would write them.
pub(crate) fn duration(milliseconds: u64) -> String {
    in_units(milliseconds, &[(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")], "0s")
}

/// Bytes as one would write them.
pub(crate) fn size(bytes: u64) -> String {
    in_units(bytes, &[(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B")], "0B")
}

/// Thousandths of one per cent as one would write them.
fn share(thousandths: u32) -> String {
    format!("{}%", f64::from(thousandths) / 1000.0)
}

fn in_units(number: u64, units: &[(u64, &str)], zero: &str) -> String {
    if number == 0 {
        return zero.to_owned();
    }
    units
        .iter()
        .find(|(unit, _)| number.is_multiple_of(*unit))
        .map_or_else(|| number.to_string(), |(unit, name)| format!("{}{name}", number / unit))
}

#[cfg(test)]
mod tests {
    use super::{duration, quoted, size};

    #[test]
    fn units_are_the_largest_that_fit() {
        assert_eq!(duration(0), "0s");
        assert_eq!(duration(1), "1ms");
        assert_eq!(duration(90_000), "90s");
        assert_eq!(duration(3_600_000), "1h");
        assert_eq!(size(64 << 20), "64MiB");
        assert_eq!(size(1025), "1025B");
    }

    #[test]
    fn names_are_shown_in_one_short_line() {
        assert_eq!(quoted("a\nb"), "`a\\nb`");
        assert_eq!(quoted(&"x".repeat(1000)).chars().count(), 67);
    }
}
