//! Header fields of one message, as a short list over the text they came in.
//!
//! A message has a dozen of them and is asked for a few by name: looking through a list is quicker than hashing names, and
//! a field that only passes through is a place in the text it was received in, which all who hand it on share. Names are in
//! lower case, names and values within RFC 9110, section 5: whatever makes a field has seen to that.

mod lines;
mod others;
mod received;
mod text;

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName};

pub(crate) use self::text::LOWER;
pub use self::text::{FieldName, FieldValue, Name, Value, is_value};

/// Fields in the order in which they stand in their message. One name may stand several times.
#[derive(Clone, Default)]
pub struct Fields {
    /// The text that fields were received in.
    received: Bytes,
    /// The text of those that were put beside them.
    own: Vec<u8>,
    list: Vec<Field>,
    /// The [`mark`] of every name that was ever put here: most questions are after names that are not there.
    marks: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    name: Span,
    value: Span,
}

/// A place in one of the two texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    at: u32,
    length: u32,
}

/// A place in [`Fields::own`].
const OWN: u32 = 1 << 31;

/// Fields that there is room for beside those received.
const BESIDE: usize = 8;

/// All fields of a message, in order.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    fields: &'a Fields,
    list: std::slice::Iter<'a, Field>,
}

impl Fields {
    /// No field.
    #[must_use]
    pub const fn new() -> Self {
        Self { received: Bytes::new(), own: Vec::new(), list: Vec::new(), marks: 0 }
    }

    /// No field yet, with room for so many and for so many bytes of text.
    #[must_use]
    pub fn with_capacity(fields: usize, text: usize) -> Self {
        Self { received: Bytes::new(), own: Vec::with_capacity(text), list: Vec::with_capacity(fields), marks: 0 }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them, in order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter { fields: self, list: self.list.iter() }
    }

    /// Their names; one that stands several times comes several times.
    pub fn names(&self) -> impl Iterator<Item = Name<'_>> + Clone {
        self.list.iter().map(|field| Name(self.text(field.name)))
    }

    /// The first value of this name, which is in lower case.
    #[must_use]
    #[inline]
    pub fn get(&self, name: impl AsRef<str>) -> Option<Value<'_>> {
        let name = name.as_ref().as_bytes();
        if self.cannot_have(name) {
            return None;
        }
        self.list.iter().find(|field| self.is(field, name)).map(|field| Value(self.text(field.value)))
    }

    /// All values of this name, which is in lower case.
    pub fn get_all<'a, N: AsRef<str> + Clone + 'a>(
        &'a self,
        name: N,
    ) -> impl DoubleEndedIterator<Item = Value<'a>> + Clone {
        let list = if self.cannot_have(name.as_ref().as_bytes()) { &[] } else { &*self.list };
        let named = move |field: &&Field| self.is(field, name.as_ref().as_bytes());
        list.iter().filter(named).map(|field| Value(self.text(field.value)))
    }

    /// The value of a name that stands exactly once.
    #[must_use]
    pub fn only(&self, name: impl AsRef<str>) -> Option<Value<'_>> {
        let name = name.as_ref().as_bytes();
        if self.cannot_have(name) {
            return None;
        }
        let mut values = self.list.iter().filter(|field| self.is(field, name));
        let first = values.next()?;
        values.next().is_none().then(|| Value(self.text(first.value)))
    }

    /// Whether there is one of this name, which is in lower case.
    #[must_use]
    #[inline]
    pub fn contains(&self, name: impl AsRef<str>) -> bool {
        let name = name.as_ref().as_bytes();
        !self.cannot_have(name) && self.list.iter().any(|field| self.is(field, name))
    }

    /// Adds a field behind the others.
    #[inline]
    pub fn append(&mut self, name: impl FieldName, value: impl FieldValue) {
        self.reserve_first();
        let (name, value) = (name.name(), value.value());
        self.marks |= mark(name);
        let at = self.own.len();
        self.own.reserve(name.len() + value.len() + 4);
        // As it is sent: who writes a head copies the line.
        for part in [name, b": ", value, b"\r\n"] {
            self.own.extend_from_slice(part);
        }
        let (name, value) = (Span::own(at, name.len()), Span::own(at + name.len() + 2, value.len()));
        self.list.push(Field { name, value });
    }

    /// Adds a field in the place of all others of its name.
    pub fn insert(&mut self, name: impl FieldName, value: impl FieldValue) {
        self.remove_bytes(name.name());
        self.append(name, value);
    }

    /// Takes out all fields of this name, which is in lower case; whether there were any.
    #[inline]
    pub fn remove(&mut self, name: impl AsRef<str>) -> bool {
        self.remove_bytes(name.as_ref().as_bytes())
    }

    #[inline]
    fn remove_bytes(&mut self, name: &[u8]) -> bool {
        !self.cannot_have(name) && self.take_out(name)
    }

    fn take_out(&mut self, name: &[u8]) -> bool {
        // Looked for before the list is gone through: it is rarely there.
        let Some(first) = self.list.iter().position(|field| self.is(field, name)) else { return false };
        let mut list = std::mem::take(&mut self.list);
        let mut place = 0;
        list.retain(|field| {
            place += 1;
            place <= first || !self.is(field, name)
        });
        self.list = list;
        true
    }

    /// Keeps those of which this is true.
    pub fn retain(&mut self, mut keeps: impl FnMut(Name<'_>, Value<'_>) -> bool) {
        let mut list = std::mem::take(&mut self.list);
        list.retain(|field| keeps(Name(self.text(field.name)), Value(self.text(field.value))));
        self.list = list;
    }

    /// Makes room for a few: what grows from nothing does so many times.
    #[inline]
    fn reserve_first(&mut self) {
        if self.own.capacity() == 0 {
            self.own.reserve(192);
            self.list.reserve(BESIDE);
        }
    }

    #[inline]
    const fn cannot_have(&self, name: &[u8]) -> bool {
        self.marks & mark(name) == 0
    }

    fn is(&self, field: &Field, name: &[u8]) -> bool {
        // Lengths tell most names apart.
        field.name.length as usize == name.len() && self.text(field.name) == name
    }

    #[inline]
    fn text(&self, span: Span) -> &[u8] {
        self.text_from(span.at).get(..span.length as usize).unwrap_or_default()
    }

    #[inline]
    fn text_from(&self, at: u32) -> &[u8] {
        let text = if at & OWN == 0 { &self.received[..] } else { &self.own[..] };
        text.get((at & !OWN) as usize..).unwrap_or_default()
    }
}

/// One bit of 64 for a name, by its length, its first and its last letter. For one that is written in the code the compiler
/// works it out.
#[inline]
const fn mark(name: &[u8]) -> u64 {
    match (name.first(), name.last()) {
        (Some(first), Some(last)) => 1 << ((name.len() as u64 + 3 * (*first as u64) + 5 * (*last as u64)) & 63),
        _ => 0,
    }
}

impl Span {
    /// The same within the own text.
    fn own(at: usize, length: usize) -> Self {
        let Self { at, length } = Self::of((at, length));
        Self { at: at | OWN, length }
    }

    /// A place behind two gigabytes, which no head has, is nowhere.
    fn of((at, length): (usize, usize)) -> Self {
        match (u32::try_from(at), u32::try_from(length)) {
            (Ok(at), Ok(length)) if at < OWN => Self { at, length },
            _ => Self { at: 0, length: 0 },
        }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = (Name<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let field = self.list.next()?;
        Some((Name(self.fields.text(field.name)), Value(self.fields.text(field.value))))
    }
}

impl<'a> IntoIterator for &'a Fields {
    type Item = (Name<'a>, Value<'a>);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.iter()).finish()
    }
}

impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<N: FieldName, V: FieldValue> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let mut made = Self::new();
        fields.into_iter().for_each(|(name, value)| made.append(name, value));
        made
    }
}

impl From<&HeaderMap> for Fields {
    fn from(map: &HeaderMap) -> Self {
        let text = map.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        let mut made = Self::with_capacity(map.len(), text);
        map.iter().for_each(|(name, value)| made.append(name, value));
        made
    }
}

impl From<HeaderMap> for Fields {
    fn from(map: HeaderMap) -> Self {
        Self::from(&map)
    }
}

impl From<&Fields> for HeaderMap {
    fn from(fields: &Fields) -> Self {
        let mut map = Self::with_capacity(fields.len());
        for (name, value) in fields.iter() {
            if let Ok(name) = HeaderName::from_bytes(name.0) {
                map.append(name, value.to_header_value());
            }
        }
        map
    }
}

#[cfg(test)]
mod tests;
