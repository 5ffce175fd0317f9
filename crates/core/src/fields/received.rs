//! Fields and the text they were received in.

use bytes::{Bytes, BytesMut};

use super::{BESIDE, Field, Fields, OWN, Span, mark};

impl Fields {
    /// Adds a field of the received text: its name, where this and its value begin there, and how many bytes they have. The
    /// name is a token in lower case, and the value one by [`super::is_value`].
    pub fn push_received(&mut self, text: &[u8], name: (usize, usize), value: (usize, usize)) {
        self.marks |= mark(text);
        self.list.push(Field { name: Span::of(name), value: Span::of(value) });
    }

    /// Says in which text the fields stand whose places were pushed.
    pub fn stand_in(&mut self, received: Bytes) {
        self.received = received;
    }

    /// The same fields with all their text in one piece, which [`Fields::adopt`] shares.
    #[must_use]
    pub fn shared(&self) -> Self {
        let mut text = BytesMut::new();
        let mut made = Self::with_capacity(self.len(), 0);
        for (name, value) in self {
            let (name, value) = (name.as_bytes(), value.as_bytes());
            let at = text.len();
            for part in [name, b": ", value, b"\r\n"] {
                text.extend_from_slice(part);
            }
            made.push_received(name, (at, name.len()), (at + name.len() + 2, value.len()));
        }
        made.stand_in(text.freeze());
        made
    }

    /// The same fields in another text in which they stand at the same places. What was put beside them is left out, and there
    /// is room for more of it.
    #[must_use]
    pub fn in_text(&self, received: Bytes) -> Self {
        let mut list = Vec::with_capacity(self.list.len() + BESIDE);
        list.extend_from_slice(&self.list);
        if !self.own.is_empty() {
            list.retain(|field| (field.name.at | field.value.at) & OWN == 0);
        }
        Self { received, own: Vec::new(), list, marks: self.marks }
    }

    /// Whether the fields of `other` stand at the same places of their text, and all of both are received.
    #[must_use]
    pub fn stand_as(&self, other: &Self) -> bool {
        self.list == other.list && self.marks == other.marks && self.own.is_empty() && other.own.is_empty()
    }

    /// The text that was received.
    #[must_use]
    pub const fn received(&self) -> &Bytes {
        &self.received
    }
}
