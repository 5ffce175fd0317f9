//! One event: its own bytes, and what they say.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use memchr::{memchr, memchr2};

use super::boundary::BOM;

/// An event, or a comment between events, with its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    raw: Bytes,
    /// Where the first line begins.
    start: usize,
    torn: bool,
}

/// A line of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The field's name; empty for a comment.
    pub name: &'a [u8],
    /// Where the value stands in the event's bytes, without the one space that may stand before it.
    pub value: Range<usize>,
}

/// The lines of an event, without empty ones.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    raw: &'a [u8],
    at: usize,
}

/// The data of an event, and where it stands in the event's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// The data lines, joined with line feeds.
    pub text: Bytes,
    places: Places,
}

/// Where data stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Places {
    /// On one line, from here.
    One(usize),
    /// On these.
    Many(Vec<Range<usize>>),
}

impl Event {
    pub(super) fn new(raw: Bytes, first: bool) -> Self {
        let start = if first && raw.starts_with(BOM) { BOM.len() } else { 0 };
        Self { raw, start, torn: false }
    }

    /// A part of an event: it has no lines.
    pub(super) fn torn(raw: Bytes) -> Self {
        Self { start: raw.len(), raw, torn: true }
    }

    /// Its bytes as they came, its end included.
    #[must_use]
    pub const fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Whether it is only a part of an event that was too large to be held.
    #[must_use]
    pub const fn is_torn(&self) -> bool {
        self.torn
    }

    /// Its lines.
    #[must_use]
    pub fn lines(&self) -> Lines<'_> {
        Lines { raw: &self.raw, at: self.start }
    }

    /// The value of the last field `name` (`event`, `id`, `retry`).
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        let line = self.lines().filter(|line| line.name == name.as_bytes()).last()?;
        self.raw.get(line.value)
    }

    /// Its data; `None` where it has no data line, and so is nothing to a client.
    #[must_use]
    pub fn data(&self) -> Option<Data> {
        let mut places = self.lines().filter(|line| line.name == b"data").map(|line| line.value);
        let first = places.next()?;
        let Some(second) = places.next() else {
            return Some(Data { text: self.raw.slice(first.clone()), places: Places::One(first.start) });
        };
        let places: Vec<Range<usize>> = [first, second].into_iter().chain(places).collect();
        let mut text = BytesMut::with_capacity(self.raw.len());
        for (index, place) in places.iter().enumerate() {
            if index > 0 {
                text.put_u8(b'\n');
            }
            text.extend_from_slice(self.raw.get(place.clone()).unwrap_or_default());
        }
        Some(Data { text: text.freeze(), places: Places::Many(places) })
    }

    /// Whether it is OpenAI's mark for the end of a stream: one line `data: [DONE]`, with nothing else on it.
    #[must_use]
    pub fn is_done(&self) -> bool {
        let mut data = self.lines().filter(|line| line.name == b"data");
        let first = data.next().and_then(|line| self.raw.get(line.value));
        first == Some(b"[DONE]") && data.next().is_none()
    }
}

impl Data {
    /// Tells where a range of the text stands in the event's bytes: one place, or one for each line it touches.
    pub fn places(&self, range: &Range<usize>, mut tell: impl FnMut(Range<usize>)) {
        match &self.places {
            Places::One(start) => tell(start.saturating_add(range.start)..start.saturating_add(range.end)),
            Places::Many(lines) => {
                let mut begin = 0;
                for line in lines {
                    let (from, to) = (range.start.max(begin), range.end.min(begin + line.len()));
                    if from < to || (from == to && range.is_empty()) {
                        tell(line.start + (from - begin)..line.start + (to - begin));
                        if range.is_empty() {
                            return;
                        }
                    }
                    begin += line.len() + 1;
                }
            }
        }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        loop {
            let start = self.at;
            let rest = self.raw.get(start..).filter(|rest| !rest.is_empty())?;
            let length = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            self.at += length + 1;
            if rest.get(length..length + 2) == Some(b"\r\n") {
                self.at += 1;
            }
            let line = rest.get(..length).unwrap_or_default();
            if line.is_empty() {
                continue;
            }
            let colon = memchr(b':', line).unwrap_or(length);
            let space = usize::from(line.get(colon + 1) == Some(&b' '));
            let value = (colon + 1 + space).min(length);
            return Some(Line { name: line.get(..colon).unwrap_or_default(), value: start + value..start + length });
        }
    }
}
