//! What a field's name and value are, and what may become one.

use std::fmt;

use http::{HeaderName, HeaderValue};

/// A field's name: a token in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name<'a>(pub(super) &'a [u8]);

/// A field's value: bytes without line ends, NUL and other controls but the tab.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value<'a>(pub(super) &'a [u8]);

/// What a field may be named by when it is put there.
pub trait FieldName {
    /// The name in lower case.
    fn name(&self) -> &[u8];
}

/// What may be a field's value: types that hold nothing else.
pub trait FieldValue {
    /// The value's bytes.
    fn value(&self) -> &[u8];
}

/// Whether these bytes may be a field's value (RFC 9110, section 5.5).
#[must_use]
pub fn is_value(bytes: &[u8]) -> bool {
    // Without a way out in the middle, so that many bytes are looked at at once.
    let bad = |byte: u8| (byte < b' ') & (byte != b'\t') | (byte == 0x7f);
    !bytes.iter().fold(false, |found, byte| found | bad(*byte))
}

/// What a letter of a name (RFC 9110, section 5.6.2) is in lower case; zero for what cannot stand in one.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses what is out of bounds")]
pub(crate) const LOWER: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
            )
        {
            table[byte as usize] = byte.to_ascii_lowercase();
        }
        byte += 1;
    }
    table
};

impl<'a> Name<'a> {
    /// These bytes, if they are a name in lower case.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let right = |byte: &u8| LOWER.get(usize::from(*byte)) == Some(byte) && *byte != 0;
        (!bytes.is_empty() && bytes.iter().all(right)).then_some(Self(bytes))
    }

    /// A name of our own, written in lower case.
    #[must_use]
    pub const fn of_ours(name: &'static str) -> Name<'static> {
        Name(name.as_bytes())
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// As text, which a token is.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        std::str::from_utf8(self.0).unwrap_or_default()
    }
}

impl<'a> Value<'a> {
    /// A value of our own.
    #[must_use]
    pub const fn of_ours(value: &'static str) -> Value<'static> {
        Value(value.as_bytes())
    }

    /// These bytes, if they may be a value.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        is_value(bytes).then_some(Self(bytes))
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// As text, if all of it is printable ASCII.
    #[must_use]
    pub fn as_str(self) -> Option<&'a str> {
        if self.is_printable() { std::str::from_utf8(self.0).ok() } else { None }
    }

    /// Whether all of it is printable ASCII.
    #[must_use]
    pub const fn is_printable(self) -> bool {
        // What is ASCII and not printable is in no value, but for the tab.
        self.0.is_ascii()
    }

    /// How many bytes it has.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// A value of its own.
    #[must_use]
    pub fn to_header_value(self) -> HeaderValue {
        HeaderValue::from_bytes(self.0).unwrap_or(HeaderValue::from_static(""))
    }
}

impl PartialEq<str> for Value<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Value<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<str> for Name<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Name<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<HeaderValue> for Value<'_> {
    fn eq(&self, other: &HeaderValue) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<HeaderName> for Name<'_> {
    fn eq(&self, other: &HeaderName) -> bool {
        self.0 == other.as_str().as_bytes()
    }
}

impl FieldName for Name<'_> {
    fn name(&self) -> &[u8] {
        self.0
    }
}

impl FieldName for HeaderName {
    fn name(&self) -> &[u8] {
        self.as_str().as_bytes()
    }
}

/// A name of our own, written in lower case.
impl FieldName for &'static str {
    fn name(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl FieldValue for Value<'_> {
    fn value(&self) -> &[u8] {
        self.0
    }
}

impl FieldValue for HeaderValue {
    fn value(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl FieldName for &HeaderName {
    fn name(&self) -> &[u8] {
        self.as_str().as_bytes()
    }
}

impl FieldValue for &HeaderValue {
    fn value(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), formatter)
    }
}

// Values are the caller's, and may be secrets: only their lengths are shown.
impl fmt::Debug for Value<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes", self.len())
    }
}
