//! Names with a star in them, such as `batch-*`: which of the principals' names are meant.

/// A name, or its beginning and its end around a star.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    before: String,
    /// What stands behind the star; `None`: there is no star.
    after: Option<String>,
}

/// A text that is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Something else than the letters of names.
    #[error("takes `a` to `z`, `0` to `9`, `.`, `_`, `-` and one `*`, at most 64 in all")]
    Letters,
    /// More than one star.
    #[error("takes one `*` at most")]
    Stars,
}

impl Pattern {
    /// Whether `name` is meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match &self.after {
            None => name == self.before,
            Some(after) => name.strip_prefix(self.before.as_str()).is_some_and(|rest| rest.ends_with(after.as_str())),
        }
    }
}

impl std::str::FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let plain = |letter: u8| matches!(letter, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'*');
        if text.is_empty() || text.len() > 64 || !text.bytes().all(plain) {
            return Err(PatternError::Letters);
        }
        match text.split_once('*') {
            None => Ok(Self { before: text.to_owned(), after: None }),
            Some((_, after)) if after.contains('*') => Err(PatternError::Stars),
            Some((before, after)) => Ok(Self { before: before.to_owned(), after: Some(after.to_owned()) }),
        }
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.after {
            None => formatter.write_str(&self.before),
            Some(after) => write!(formatter, "{}*{after}", self.before),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Pattern, PatternError};

    #[test]
    fn a_star_stands_for_any_part() {
        let meant = |pattern: &str, name: &str| pattern.parse::<Pattern>().unwrap().matches(name);
        assert!(meant("batch", "batch") && !meant("batch", "batch-1") && !meant("batch", "batc"));
        assert!(meant("batch-*", "batch-") && meant("batch-*", "batch-7") && !meant("batch-*", "a-batch-7"));
        assert!(meant("*", "anything") && meant("a*z", "az") && meant("a*z", "a-z") && !meant("a*z", "a-y"));
        assert!(!meant("aa*aa", "aaa"), "the beginning and the end share no letter");
    }

    #[test]
    fn what_no_name_has_is_no_pattern() {
        for (text, error) in [
            ("", PatternError::Letters),
            ("A", PatternError::Letters),
            ("key:a", PatternError::Letters),
            ("a**", PatternError::Stars),
            ("*a*", PatternError::Stars),
        ] {
            assert_eq!(text.parse::<Pattern>(), Err(error), "{text}");
        }
        assert_eq!("x".repeat(65).parse::<Pattern>(), Err(PatternError::Letters));
        assert_eq!("a*z".parse::<Pattern>().unwrap().to_string(), "a*z");
    }
}
