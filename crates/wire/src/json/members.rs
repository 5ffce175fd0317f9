//! Members of one object: bounded in number, each key once.

use std::borrow::Cow;
use std::collections::HashSet;

use super::Reader;
use crate::fault::Read;

/// The keys of one object seen so far. Known ones cost a bit; unknown ones are kept in a set with keyed hashes.
pub(crate) struct Members<'a> {
    known: &'static [&'static str],
    seen: u32,
    unknown: HashSet<Cow<'a, str>>,
}

impl<'a> Members<'a> {
    /// Of an object whose members of interest are `known` (at most 32).
    pub(crate) fn of(known: &'static [&'static str]) -> Self {
        Self { known, seen: 0, unknown: HashSet::new() }
    }

    /// Notes `key`; answers its known name, or `None` where its value is to be skipped.
    pub(crate) fn note(&mut self, key: Cow<'a, str>, reader: &Reader<'a>) -> Read<Option<&'static str>> {
        if let Some((index, name)) = self.known.iter().enumerate().find(|(_, name)| **name == key) {
            let bit = 1_u32 << (index & 31);
            if self.seen & bit != 0 {
                return Err(reader.fault("a key is given twice in one object"));
            }
            self.seen |= bit;
            return Ok(Some(name));
        }
        if self.unknown.len() >= reader.limits().members {
            return Err(reader.fault("an object has too many members"));
        }
        if self.unknown.insert(key) { Ok(None) } else { Err(reader.fault("a key is given twice in one object")) }
    }
}
