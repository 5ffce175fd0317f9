//! Fields that are taken over from another message.

use super::{Field, Fields, Name, OWN, Span, Value, mark};

impl Fields {
    /// Adds those of `from` of which this is true, behind the others. The text they were received in is shared where there
    /// is none yet.
    pub fn adopt(&mut self, from: &Self, mut passes: impl FnMut(Name<'_>, Value<'_>) -> bool) {
        if self.received.is_empty() {
            self.received = from.received.clone();
        }
        let shared = self.received.as_ptr_range() == from.received.as_ptr_range();
        for field in &from.list {
            let (name, value) = (Name(from.text(field.name)), Value(from.text(field.value)));
            if !passes(name, value) {
                continue;
            }
            if shared && (field.name.at | field.value.at) & OWN == 0 {
                self.marks |= mark(name.0);
                self.list.push(*field);
            } else {
                self.append(name, value);
            }
        }
    }

    /// Puts all of `from` in the place of those of the same names.
    pub fn replace_by(&mut self, from: &Self) {
        if self.marks & from.marks != 0 {
            for name in from.names() {
                self.remove_bytes(name.0);
            }
        }
        if from.received.is_empty() {
            self.append_all(from);
        } else {
            self.adopt(from, |_, _| true);
        }
    }

    /// Adds all of `from`, where none was received, behind the others.
    fn append_all(&mut self, from: &Self) {
        let at = self.own.len();
        self.reserve_first();
        self.own.extend_from_slice(&from.own);
        let further = |span: Span| Span::own((span.at & !OWN) as usize + at, span.length as usize);
        self.list
            .extend(from.list.iter().map(|field| Field { name: further(field.name), value: further(field.value) }));
        self.marks |= from.marks;
    }
}
