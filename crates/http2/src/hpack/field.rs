//! A field as it is read: checked, so that what is wrong with it is known without looking at its bytes again.

use sluicegate_core::Fields;
use sluicegate_core::fields::{Name as Token, Value};

/// What a field costs beside its bytes (RFC 7541, section 4.1).
pub(super) const OVERHEAD: usize = 32;

/// A field of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field<'a> {
    /// One that says what is asked or answered; its value is not checked yet.
    Pseudo(Pseudo, &'a [u8]),
    /// Any other.
    Regular(Token<'a>, Value<'a>),
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
#[derive(Clone, Copy, Debug)]
pub(super) enum Name<'a> {
    Pseudo(Pseudo),
    Regular(Token<'a>),
    Malformed(usize),
}

/// A field that is kept.
#[derive(Debug)]
pub(super) enum Kept {
    Pseudo(Pseudo, Box<[u8]>),
    /// The one of the list.
    Regular(Fields),
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

impl<'a> Field<'a> {
    pub(super) const fn name(self) -> Name<'a> {
        match self {
            Self::Pseudo(pseudo, _) => Name::Pseudo(pseudo),
            Self::Regular(name, _) => Name::Regular(name),
            Self::Malformed(length) => Name::Malformed(length),
        }
    }
}

impl Kept {
    pub(super) fn of(field: Field<'_>) -> Self {
        match field {
            Field::Pseudo(pseudo, value) => Self::Pseudo(pseudo, value.into()),
            Field::Regular(name, value) => {
                // The line's colon and end are kept with it.
                let mut fields = Fields::with_capacity(1, name.as_bytes().len() + value.len() + 4);
                fields.append(name, value);
                Self::Regular(fields)
            }
            Field::Malformed(length) => Self::Malformed(length),
        }
    }

    pub(super) fn field(&self) -> Field<'_> {
        match self {
            Self::Pseudo(pseudo, value) => Field::Pseudo(*pseudo, value),
            Self::Regular(fields) => {
                fields.iter().next().map_or(Field::Malformed(0), |(name, value)| Field::Regular(name, value))
            }
            Self::Malformed(length) => Field::Malformed(*length),
        }
    }
}

impl<'a> Name<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
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
        Token::new(bytes).map_or(Self::Malformed(bytes.len()), Self::Regular)
    }

    pub(super) const fn len(self) -> usize {
        match self {
            Self::Pseudo(pseudo) => pseudo.as_str().len(),
            Self::Regular(name) => name.as_bytes().len(),
            Self::Malformed(length) => length,
        }
    }

    /// A field of this name.
    pub(super) fn with(self, value: &'a [u8]) -> Field<'a> {
        let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
        match self {
            Self::Pseudo(pseudo) => Field::Pseudo(pseudo, value),
            // RFC 9113, section 8.2.1.
            Self::Regular(name) if !blank(value.first()) && !blank(value.last()) => {
                Value::new(value).map_or(Field::Malformed(name.as_bytes().len()), |value| Field::Regular(name, value))
            }
            Self::Regular(name) => Field::Malformed(name.as_bytes().len()),
            Self::Malformed(length) => Field::Malformed(length),
        }
    }
}
