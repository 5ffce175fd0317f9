//! Configuration text as a tree that remembers where each piece stood.
//!
//! Scalars stay text: what `3`, `on` or `5%` means is decided by the key that holds them, never by guessing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::limits::Rate;
use crate::units::{self, Share};

/// A file's text, gathered by the binary; `config` never opens files itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as the user wrote it.
    pub path: Arc<str>,
    /// Its content.
    pub text: Arc<str>,
}

/// Where something stood. Line and column count from one; columns count characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file's path as the user wrote it.
    pub file: Arc<str>,
    /// Line, from one.
    pub line: u32,
    /// Column in characters, from one.
    pub column: u32,
}

/// One mistake in the configuration: where, what, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where it stands.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// A piece of configuration and its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it begins.
    pub span: Span,
}

/// What a piece of configuration is.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing, `null` or `~`.
    Null,
    /// Text, as written, less quotes.
    Scalar(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the order written: key, place of the key, value.
    Map(Vec<(String, Span, Node)>),
}

impl Mistake {
    /// A mistake at `span`.
    pub fn at(span: &Span, message: impl Into<String>) -> Self {
        Self { span: span.clone(), message: message.into(), help: None }
    }

    /// The same mistake, with what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.span, self.message)?;
        match &self.help {
            Some(help) => write!(formatter, " ({help})"),
            None => Ok(()),
        }
    }
}

// Readers for trees that were checked against their shape: a piece of another kind reads as absent.
impl Node {
    /// The value of `key` in a mapping; absent where it is null.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, ..)| name == key).map(|(.., node)| node).filter(|node| !node.is_null())
    }

    /// A mapping's entries.
    #[must_use]
    pub fn entries(&self) -> &[(String, Span, Self)] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Null | Value::Scalar(_) | Value::List(_) => &[],
        }
    }

    /// A sequence's items.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Null | Value::Scalar(_) | Value::Map(_) => &[],
        }
    }

    /// A scalar's text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Whether it is null.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// A scalar as a whole number.
    #[must_use]
    pub fn integer(&self) -> Option<u64> {
        self.text()?.parse().ok()
    }

    /// A scalar as `true` or `false`.
    #[must_use]
    pub fn boolean(&self) -> Option<bool> {
        self.text()?.parse().ok()
    }

    /// A scalar as a duration such as `250ms`.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        units::duration(self.text()?)
    }

    /// A scalar as a size in bytes such as `64MiB`.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        units::size(self.text()?)
    }

    /// A scalar as a share such as `10%`.
    #[must_use]
    pub fn share(&self) -> Option<Share> {
        units::share(self.text()?)
    }

    /// A scalar as a rate such as `200/s`.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        Rate::read(self.text()?)
    }

    /// A scalar as an address such as `127.0.0.1:8080`.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.text()?.parse().ok()
    }

    /// The tree in one spelling without places, comments or quotes, keys as written: equal text, equal meaning.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut text = String::new();
        self.write_canonical(&mut text);
        text
    }

    fn write_canonical(&self, text: &mut String) {
        match &self.value {
            Value::Null => text.push('~'),
            Value::Scalar(scalar) => text.push_str(&format!("{scalar:?}")),
            Value::List(items) => {
                text.push('[');
                for item in items {
                    item.write_canonical(text);
                    text.push(',');
                }
                text.push(']');
            }
            Value::Map(entries) => {
                text.push('{');
                for (key, _, node) in entries {
                    text.push_str(&format!("{key:?}:"));
                    node.write_canonical(text);
                    text.push(',');
                }
                text.push('}');
            }
        }
    }
}
