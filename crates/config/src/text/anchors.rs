//! What anchors name, and the budget that keeps a small file from unfolding into a large tree.

use std::collections::BTreeMap;

use sluicegate_core::{Mistake, Node, Span, Value};

/// How deep sequences and mappings may nest, aliases unfolded.
pub(super) const MAX_DEPTH: usize = 64;

/// Pieces a file may hold, aliases unfolded and anchored pieces counted twice (they are kept beside the tree).
const MAX_NODES: usize = 500_000;

/// Bytes of text a file may hold, counted likewise. More than a file's own limit, so that only aliases meet it.
const MAX_TEXT: usize = 16 << 20;

/// How much a piece of the tree is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weight {
    nodes: usize,
    text: usize,
    height: usize,
}

/// Anchored pieces, and what may still be used.
#[derive(Debug, Default)]
pub(super) struct Anchors {
    known: BTreeMap<usize, (Node, Weight)>,
    nodes: usize,
    text: usize,
}

impl Weight {
    /// The weight of a scalar, or of a sequence or mapping by itself.
    pub(super) fn of(value: &Value) -> Self {
        let text = match value {
            Value::Scalar(text) => text.len(),
            Value::Null | Value::List(_) | Value::Map(_) => 0,
        };
        Self { nodes: 1, text, height: 0 }
    }

    /// The weight of a mapping's key.
    pub(super) fn of_key(key: &str) -> Self {
        Self { nodes: 0, text: key.len(), height: 0 }
    }

    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            nodes: self.nodes.saturating_add(other.nodes),
            text: self.text.saturating_add(other.text),
            height: self.height.max(other.height),
        }
    }

    /// The same, one level higher.
    pub(super) fn within(self) -> Self {
        Self { height: self.height.saturating_add(1), ..self }
    }
}

impl Anchors {
    /// Counts `weight` against the budget.
    pub(super) fn charge(&mut self, weight: Weight, span: &Span) -> Result<(), Mistake> {
        self.nodes = self.nodes.saturating_add(weight.nodes);
        self.text = self.text.saturating_add(weight.text);
        let message = if self.nodes > MAX_NODES {
            format!("the file holds more than {MAX_NODES} values")
        } else if self.text > MAX_TEXT {
            format!("the file holds more than {} MiB of text", MAX_TEXT >> 20)
        } else {
            return Ok(());
        };
        Err(Mistake::at(span, message)
            .help("aliases count as what they stand for: use fewer, or several files (`include`)"))
    }

    /// Keeps what an anchor names; anchor 0 is none.
    pub(super) fn remember(&mut self, anchor: usize, node: &Node, weight: Weight) -> Result<(), Mistake> {
        if anchor == 0 {
            return Ok(());
        }
        self.charge(weight, &node.span)?;
        self.known.insert(anchor, (node.clone(), weight));
        Ok(())
    }

    /// A copy of what `anchor` names, for an alias at `span` below `depth` levels; `None` where it has no end yet.
    pub(super) fn unfold(
        &mut self,
        anchor: usize,
        depth: usize,
        span: &Span,
    ) -> Result<Option<(Node, Weight)>, Mistake> {
        let Some(weight) = self.known.get(&anchor).map(|(_, weight)| *weight) else { return Ok(None) };
        if depth.saturating_add(weight.height) > MAX_DEPTH {
            return Err(Mistake::at(span, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.charge(weight, span)?;
        Ok(self.known.get(&anchor).map(|(node, weight)| (Node { span: span.clone(), ..node.clone() }, *weight)))
    }
}
