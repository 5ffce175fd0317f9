//! Reads blocks of fields.

use super::field::{Kept, Name, OVERHEAD};
use super::integer::{next, take};
use super::table::Table;
use super::{Broken, Field, huffman};

/// Bytes of the table: what a peer may fill before it is told otherwise, which it is not.
const TABLE: usize = 4096;

/// The number of the table's path; the other one is never spelled out.
const PATH: usize = 4;

/// Takes the fields of a head one after the other.
pub trait Sink {
    /// The next one.
    fn field(&mut self, field: Field<'_>);
}

/// The state of one direction of a connection.
#[derive(Debug)]
pub struct Decoder {
    table: Table,
    /// Most bytes of a list, each field with 32 bytes on top.
    limit: usize,
    /// Strings are unpacked here.
    name: Scratch,
    value: Scratch,
    path: Scratch,
}

/// The last string that was unpacked, and what it was before.
#[derive(Debug, Default)]
struct Scratch {
    packed: Vec<u8>,
    text: Vec<u8>,
}

/// A string on the wire.
struct Text<'a> {
    bytes: &'a [u8],
    packed: bool,
}

impl Decoder {
    /// Takes lists of at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let (name, value, path) = Default::default();
        Self { table: Table::new(TABLE), limit, name, value, path }
    }

    /// Hands the fields of a whole block to `sink`; whether all of them: those beyond the limit are not handed on. The table
    /// is in step in either case.
    ///
    /// # Errors
    /// The block is none.
    pub fn decode(&mut self, block: &[u8], sink: &mut impl Sink) -> Result<bool, Broken> {
        let mut rest = block;
        let mut size = 0_usize;
        let mut begun = false;
        while let Some((first, others)) = rest.split_first() {
            rest = others;
            if first & 0xe0 == 0x20 {
                if begun {
                    return Err(Broken("the table's size changes within a head"));
                }
                let limit = take(*first, 5, &mut rest)?;
                if limit > TABLE {
                    return Err(Broken("the table's size is above its bound"));
                }
                self.table.resize(limit);
                continue;
            }
            begun = true;
            if first & 0x80 != 0 {
                let (field, length) = self.table.get(take(*first, 7, &mut rest)?)?;
                size = size.saturating_add(length);
                if size <= self.limit {
                    sink.field(field);
                }
            } else {
                let keep = first & 0x40 != 0;
                size = self.literal(*first, keep, &mut rest, size, sink)?;
            }
        }
        Ok(size <= self.limit)
    }

    /// A field that is spelled out. Returns the size of the list with it.
    fn literal(
        &mut self,
        first: u8,
        keep: bool,
        rest: &mut &[u8],
        before: usize,
        sink: &mut impl Sink,
    ) -> Result<usize, Broken> {
        let index = take(first, if keep { 6 } else { 4 }, rest)?;
        let name = match index {
            0 => {
                let text = Text::take(rest)?;
                Name::of(text.read(&mut self.name)?)
            }
            index => self.table.name(index)?,
        };
        let text = Text::take(rest)?;
        // A path is not to be kept, and mostly the same once more.
        let value = text.read(if index == PATH { &mut self.path } else { &mut self.value })?;
        let length = name.len().saturating_add(value.len()).saturating_add(OVERHEAD);
        let size = before.saturating_add(length);
        let wanted = size <= self.limit;
        if wanted || keep {
            let field = name.with(value);
            if wanted {
                sink.field(field);
            }
            if keep {
                let kept = Kept::of(field);
                self.table.put(kept, length);
            }
        }
        // What an odd head needed is not kept for the next.
        const USUAL: usize = 4096;
        for scratch in [&mut self.name, &mut self.value, &mut self.path] {
            if scratch.text.capacity() > USUAL {
                *scratch = Scratch::default();
            }
        }
        Ok(size)
    }
}

impl<'a> Text<'a> {
    fn take(rest: &mut &'a [u8]) -> Result<Self, Broken> {
        let first = next(rest)?;
        let length = take(first, 7, rest)?;
        let (bytes, others) = rest.split_at_checked(length).ok_or(Broken("a string ends behind its block"))?;
        *rest = others;
        Ok(Self { bytes, packed: first & 0x80 != 0 })
    }

    /// Its bytes, unpacked into `scratch` if they have to be.
    fn read<'b>(&self, scratch: &'b mut Scratch) -> Result<&'b [u8], Broken>
    where
        'a: 'b,
    {
        if !self.packed {
            return Ok(self.bytes);
        }
        if scratch.packed != self.bytes {
            scratch.text.clear();
            if let Err(broken) = huffman::unpack(self.bytes, &mut scratch.text) {
                *scratch = Scratch::default();
                return Err(broken);
            }
            scratch.packed.clear();
            scratch.packed.extend_from_slice(self.bytes);
        }
        Ok(&scratch.text)
    }
}
