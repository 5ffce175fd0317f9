//! What a model or version may be called, so that a name means the same in a path, a log and a person's eyes.

/// The most characters of a model's name.
pub(crate) const MODEL: usize = 256;

/// The most characters of a version's name.
pub(crate) const VERSION: usize = 128;

/// The most characters of a tenant's name.
pub(crate) const TENANT: usize = 64;

/// Who is meant by every caller that is identified.
pub(crate) const EVERYONE: &str = "everyone";

/// Why `name` cannot be a model's or version's name.
pub(crate) fn wrong(name: &str, longest: usize) -> Option<String> {
    let problem = if name.is_empty() {
        "must not be empty".to_owned()
    } else if name.chars().nth(longest).is_some() {
        format!("has at most {longest} characters")
    } else if name == "." || name == ".." {
        "must not be `.` or `..`".to_owned()
    } else if name.contains(['/', '\\']) {
        "must not contain `/` or `\\`".to_owned()
    } else if name.chars().any(char::is_control) {
        "must not contain control characters".to_owned()
    } else if name.starts_with(char::is_whitespace) || name.ends_with(char::is_whitespace) {
        "must not begin or end with a space".to_owned()
    } else {
        let letter = u32::from(name.chars().find(|letter| ambiguous(*letter))?);
        format!("must not contain U+{letter:04X}, which looks like other characters or like none")
    };
    Some(problem)
}

/// What `name` comes to when case and what stands at its end are left out: names that come to the same are confusable.
pub(crate) fn folded(name: &str) -> String {
    name.to_lowercase().trim_end_matches(|letter: char| letter == '.' || letter.is_whitespace()).to_owned()
}

/// A name of our own: letters, digits, `.`, `_`, `-`.
pub(crate) fn is_plain(name: &str) -> bool {
    name.len() <= 128
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-'))
}

/// A name of a tenant or of a key: as a store of keys takes them, too.
pub(crate) fn is_lower(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    (1..=TENANT).contains(&name.len()) && name.bytes().all(fits)
}

/// Characters that have a second spelling, or none that can be seen. Without them, text has one Unicode spelling, and
/// no table of normalisation is needed.
fn ambiguous(letter: char) -> bool {
    matches!(letter,
        // Spaces other than the usual one, and characters without width.
        '\u{a0}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{1680}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}'
        | '\u{2800}' | '\u{3000}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        // Marks that combine with the letter before them: a composed letter says the same.
        | '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{3099}' | '\u{309a}' | '\u{fe20}'..='\u{fe2f}'
        // Letters in parts, and letters that exist twice.
        | '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97f}' | '\u{d7b0}'..='\u{d7ff}' | '\u{2100}'..='\u{214f}'
        | '\u{2460}'..='\u{24ff}' | '\u{3200}'..='\u{33ff}' | '\u{f900}'..='\u{faff}' | '\u{fb00}'..='\u{fb4f}'
        | '\u{fb50}'..='\u{fdff}' | '\u{fe30}'..='\u{fe4f}' | '\u{fe70}'..='\u{fefe}' | '\u{ff00}'..='\u{ff9f}'
        | '\u{ffa1}'..='\u{ffef}' | '\u{1d400}'..='\u{1d7ff}' | '\u{2f800}'..='\u{2fa1f}'
        // Left to the user of a private agreement.
        | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::{MODEL, folded, is_plain, wrong};

    #[test]
    fn names_of_models() {
        for good in ["iris", "credit-risk", "a b", "größe", "模型", "v1.", "a:b", "100%", "Ω"] {
            assert_eq!(wrong(good, MODEL), None, "{good}");
        }
        let long = "x".repeat(257);
        for bad in
            ["", ".", "..", "a/b", "a\\b", "a\nb", " a", "a ", "e\u{301}", "a\u{200b}", "\u{ff41}", "\u{212b}", &long]
        {
            assert!(wrong(bad, MODEL).is_some(), "{bad:?}");
        }
        assert_eq!(wrong(&"ß".repeat(256), MODEL), None);
    }

    #[test]
    fn names_that_look_alike_fold_alike() {
        for (left, right) in [("Iris", "iris"), ("iris.", "iris"), ("GRÖSSE", "grösse"), ("v1..", "V1")] {
            assert_eq!(folded(left), folded(right));
        }
        assert_ne!(folded("iris"), folded("iris2"));
    }

    #[test]
    fn plain_names() {
        assert!(is_plain("a-b_c.9"));
        for bad in ["", "-a", ".a", "a b", "ä", &"x".repeat(129)] {
            assert!(!is_plain(bad), "{bad:?}");
        }
    }
}
