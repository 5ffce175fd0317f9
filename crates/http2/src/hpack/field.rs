//! A field as it is read: checked, so that what is wrong with it is known without looking at its bytes again.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

/// What a field costs beside its bytes (RFC 7541, section 4.1).
pub(super) const OVERHEAD: usize = 32;

/// A field of a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// One that says what is asked or answered; its value is not checked yet.
    Pseudo(Pseudo, Bytes),
    /// Any other.
    Regular(HeaderName, HeaderValue),
    /// One that no head may have; its name has so many bytes.
    Malformed(usize),
}

/// Fields that are no fields of HTTP/1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pseudo {
    /// `:authority`
    Authority,
    /// `:method`
    Method,
    /// `:path`
    Path,
    /// `:scheme`
    Scheme,
    /// `:status`
    Status,
}

/// A name, of which fields are made.
#[derive(Clone, Debug)]
pub(super) enum Name {
    Pseudo(Pseudo),
    Regular(HeaderName),
    Malformed(usize),
}

impl Pseudo {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authority => ":authority",
            Self::Method => ":method",
            Self::Path => ":path",
            Self::Scheme => ":scheme",
            Self::Status => ":status",
        }
    }
}

impl Field {
    pub(super) fn name(&self) -> Name {
        match self {
            Self::Pseudo(pseudo, _) => Name::Pseudo(*pseudo),
            Self::Regular(name, _) => Name::Regular(name.clone()),
            Self::Malformed(length) => Name::Malformed(*length),
        }
    }
}

impl Name {
    pub(super) fn of(bytes: &[u8]) -> Self {
        if bytes.first() == Some(&b':') {
            return match bytes {
                b":authority" => Self::Pseudo(Pseudo::Authority),
                b":method" => Self::Pseudo(Pseudo::Method),
                b":path" => Self::Pseudo(Pseudo::Path),
                b":scheme" => Self::Pseudo(Pseudo::Scheme),
                b":status" => Self::Pseudo(Pseudo::Status),
                _ => Self::Malformed(bytes.len()),
            };
        }
        HeaderName::from_lowercase(bytes).map_or(Self::Malformed(bytes.len()), Self::Regular)
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Pseudo(pseudo) => pseudo.as_str().len(),
            Self::Regular(name) => name.as_str().len(),
            Self::Malformed(length) => *length,
        }
    }

    /// A field of this name. `secret`: nobody may put it into a table.
    pub(super) fn with(self, value: &[u8], secret: bool) -> Field {
        let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
        match self {
            Self::Pseudo(pseudo) => Field::Pseudo(pseudo, Bytes::copy_from_slice(value)),
            // RFC 9113, section 8.2.1.
            Self::Regular(name) if !blank(value.first()) && !blank(value.last()) => {
                match HeaderValue::from_bytes(value) {
                    Ok(mut value) => {
                        value.set_sensitive(secret);
                        Field::Regular(name, value)
                    }
                    Err(_) => Field::Malformed(name.as_str().len()),
                }
            }
            Self::Regular(name) => Field::Malformed(name.as_str().len()),
            Self::Malformed(length) => Field::Malformed(length),
        }
    }
}
