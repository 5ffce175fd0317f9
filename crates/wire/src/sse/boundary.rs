//! Finds where events end, in pieces that are cut anywhere. Remembers a few bits between pieces, never bytes.

use memchr::memchr2;

/// The byte order mark that may stand at the stream's start.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// What a line is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Empty,
    Comment,
    Field,
}

/// Where the stream stands.
#[derive(Debug)]
pub(super) struct Boundary {
    /// What may still come of the byte order mark.
    mark: &'static [u8],
    line: Line,
    /// Whether the current event has no field so far.
    bare: bool,
    /// Whether nothing came since the last end.
    fresh: bool,
    /// Whether the last byte was a carriage return: a line feed that follows belongs to it.
    after_return: bool,
}

impl Default for Boundary {
    fn default() -> Self {
        Self { mark: BOM, line: Line::Empty, bare: true, fresh: true, after_return: false }
    }
}

impl Boundary {
    /// Goes on over `bytes` to the next end; `None` where they hold none, then all of them are taken in.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        if std::mem::take(&mut self.after_return) && bytes.first() == Some(&b'\n') {
            at = 1;
            if self.fresh {
                return Some(at);
            }
        }
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(length) = memchr2(b'\n', b'\r', rest) else {
                self.note(rest);
                return None;
            };
            self.note(rest.get(..length).unwrap_or_default());
            let is_return = rest.get(length) == Some(&b'\r');
            at += length + 1;
            if is_return {
                match bytes.get(at) {
                    Some(b'\n') => at += 1,
                    Some(_) => {}
                    None => self.after_return = true,
                }
            }
            if self.end_line() {
                return Some(at);
            }
        }
    }

    /// Notes bytes of the current line.
    fn note(&mut self, mut bytes: &[u8]) {
        self.fresh &= bytes.is_empty();
        while let (Some((byte, after)), Some((marked, left))) = (bytes.split_first(), self.mark.split_first()) {
            if byte != marked {
                break;
            }
            self.mark = left;
            bytes = after;
        }
        let Some(first) = bytes.first() else { return };
        if self.line == Line::Empty {
            // Half a byte order mark is the beginning of a field's name.
            let whole = self.mark.is_empty() || self.mark.len() == BOM.len();
            self.line = if *first == b':' && whole { Line::Comment } else { Line::Field };
        }
        self.mark = &[];
    }

    /// Ends the current line; answers whether an event ends with it, or a comment between events.
    fn end_line(&mut self) -> bool {
        let half_mark = !self.mark.is_empty() && self.mark.len() < BOM.len();
        let line = if half_mark { Line::Field } else { self.line };
        self.mark = &[];
        self.line = Line::Empty;
        let ends = match line {
            Line::Empty => true,
            Line::Comment => self.bare,
            Line::Field => false,
        };
        self.bare = ends || (self.bare && line != Line::Field);
        self.fresh = ends;
        ends
    }
}
