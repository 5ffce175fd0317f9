//! Fields as HTTP/1 writes them.

use bytes::BytesMut;

use super::{Field, Fields, Name, OWN, Span};

impl Fields {
    /// Puts the lines of those whose names pass behind `out`, as HTTP/1 has them. Lines that stand behind one another in their
    /// text go together.
    pub fn put_lines(&self, out: &mut BytesMut, mut passes: impl FnMut(Name<'_>) -> bool) {
        let mut run = Span { at: 0, length: 0 };
        for field in &self.list {
            let text = self.text_from(field.name.at);
            let Some((name, rest)) = text.split_at_checked(field.name.length as usize) else { continue };
            if !passes(Name(name)) {
                continue;
            }
            if field.is_line(rest) {
                let length = field.name.length + field.value.length + 4;
                if field.name.at == run.at.wrapping_add(run.length) {
                    run.length += length;
                    continue;
                }
                out.extend_from_slice(self.text(std::mem::replace(&mut run, Span { at: field.name.at, length })));
            } else {
                out.extend_from_slice(self.text(std::mem::replace(&mut run, Span { at: 0, length: 0 })));
                for part in [name, b": ", self.text(field.value), b"\r\n"] {
                    out.extend_from_slice(part);
                }
            }
        }
        out.extend_from_slice(self.text(run));
    }
}

impl Field {
    /// Whether what stands behind its name makes a line with that, as it is sent. What was put beside those received was written
    /// so.
    fn is_line(&self, rest: &[u8]) -> bool {
        let behind = || rest.get(self.value.length as usize + 2..).and_then(<[u8]>::first_chunk);
        self.name.at & OWN != 0
            || (self.value.at == self.name.at.wrapping_add(self.name.length + 2)
                && rest.first_chunk() == Some(b": ")
                && behind() == Some(b"\r\n"))
    }
}
