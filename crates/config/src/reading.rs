//! Reads settings out of a checked tree, with the table's own defaults for what is not written. It must not report
//! anything: the checks have done so, and what did not fit reads as its default.

use std::net::SocketAddr;
use std::time::Duration;

use crate::Priority;
use sluicegate_core::{Field, Node, NonFinite, Share, Span, Value};

/// A mapping, if it is written at all, and the table of its keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'a> {
    node: Option<&'a Node>,
    fields: &'static [Field],
}

impl<'a> Reading<'a> {
    /// Reads `key` of `parent`.
    pub(crate) fn of(parent: &'a Node, key: &str, fields: &'static [Field]) -> Self {
        Self { node: parent.get(key), fields }
    }

    /// Reads `node` itself.
    pub(crate) const fn on(node: &'a Node, fields: &'static [Field]) -> Self {
        Self { node: Some(node), fields }
    }

    /// Reads the mapping `key` within this one.
    pub(crate) fn mapping(&self, key: &str, fields: &'static [Field]) -> Self {
        Self { node: self.node(key), fields }
    }

    /// The key's duration, where it is written: without a default.
    pub(crate) fn given_duration(&self, key: &str) -> Option<Duration> {
        self.node(key).and_then(Node::duration)
    }

    /// The key's value, where it is written.
    pub(crate) fn node(&self, key: &str) -> Option<&'a Node> {
        self.node?.get(key)
    }

    pub(crate) fn duration(&self, key: &str) -> Duration {
        self.read(key, Node::duration)
    }

    pub(crate) fn size(&self, key: &str) -> u64 {
        self.read(key, Node::size)
    }

    pub(crate) fn count<T: TryFrom<u64> + Default>(&self, key: &str) -> T {
        self.read(key, |node| T::try_from(node.integer()?).ok())
    }

    pub(crate) fn share(&self, key: &str) -> Share {
        self.read(key, Node::share)
    }

    pub(crate) fn address(&self, key: &str) -> Option<SocketAddr> {
        self.read(key, |node| node.address().map(Some))
    }

    pub(crate) fn non_finite(&self, key: &str) -> NonFinite {
        let default = || self.default(key).and_then(|node| non_finite(&node));
        self.node.and_then(|node| raw(node, key)).and_then(non_finite).or_else(default).unwrap_or_default()
    }

    /// The last resort is never needed: a test reads every default of the table.
    fn read<T: Default>(&self, key: &str, read: impl Fn(&Node) -> Option<T>) -> T {
        let default = || self.default(key).and_then(|node| read(&node));
        self.node(key).and_then(&read).or_else(default).unwrap_or_default()
    }

    fn default(&self, key: &str) -> Option<Node> {
        let text = self.fields.iter().find(|field| field.name == key)?.default?;
        let span = Span { file: "".into(), line: 1, column: 1 };
        Some(Node { value: Value::Scalar(text.to_owned()), span })
    }
}

/// The value of `key`, also where it is null.
pub(crate) fn raw<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    node.entries().iter().find(|(name, ..)| name == key).map(|(.., node)| node)
}

/// The place of `key` itself.
pub(crate) fn key_span<'a>(node: &'a Node, key: &str) -> Option<&'a Span> {
    node.entries().iter().find(|(name, ..)| name == key).map(|(_, span, _)| span)
}

/// The word of a `priority` key.
pub(crate) fn priority(word: &str) -> Option<Priority> {
    match word {
        "critical" => Some(Priority::Critical),
        "normal" => Some(Priority::Normal),
        "sheddable" => Some(Priority::Sheddable),
        _ => None,
    }
}

/// The word of a `non_finite` key. YAML reads a bare `null` as nothing, which here is a word like the others.
pub(crate) fn non_finite(node: &Node) -> Option<NonFinite> {
    match &node.value {
        Value::Null => Some(NonFinite::Null),
        Value::Scalar(word) => match word.as_str() {
            "token" => Some(NonFinite::Token),
            "null" => Some(NonFinite::Null),
            "reject" => Some(NonFinite::Reject),
            _ => None,
        },
        Value::List(_) | Value::Map(_) => None,
    }
}
