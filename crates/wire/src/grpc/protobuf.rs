//! The wire form of Protocol Buffers, as far as messages with tensors need it: fields one after another, read without a
//! copy and without setting memory aside for what is only announced.
//!
//! Messages with tensors are read by hand since generated code lets two bytes of a message cost hundreds in memory,
//! loses the order of parameters, and takes the last of two names.

use bytes::{Buf, Bytes};

use crate::fault::{Fault, Read};

/// A value as it stands on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    Bytes(Bytes),
}

/// The fields of a message, in the order in which they stand there.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    rest: Bytes,
}

/// The same over borrowed bytes, for who only looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk<'a> {
    rest: &'a [u8],
}

/// A value that is only looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    Bytes(&'a [u8]),
}

impl Fields {
    pub(crate) const fn of(message: Bytes) -> Self {
        Self { rest: message }
    }

    /// The next field's number and value. Groups, which nobody writes any more, are refused.
    pub(crate) fn next(&mut self) -> Read<Option<(u32, Value)>> {
        let mut walk = Walk::over(&self.rest);
        let Some((number, part)) = walk.next()? else { return Ok(None) };
        let used = self.rest.len() - walk.rest.len();
        let value = match part {
            Part::Varint(number) => Value::Varint(number),
            Part::Fixed64(bytes) => Value::Fixed64(bytes),
            Part::Fixed32(bytes) => Value::Fixed32(bytes),
            Part::Bytes(bytes) => {
                let length = bytes.len();
                self.rest.advance(used - length);
                return Ok(Some((number, Value::Bytes(self.rest.split_to(length)))));
            }
        };
        self.rest.advance(used);
        Ok(Some((number, value)))
    }
}

impl<'a> Walk<'a> {
    pub(crate) const fn over(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// What is not walked over yet.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// As [`Fields::next`].
    #[inline]
    pub(crate) fn next(&mut self) -> Read<Option<(u32, Part<'a>)>> {
        // As nearly every field is: bytes, with a number and a length of one byte each.
        if let [key @ 8..0x80, length @ ..0x80, rest @ ..] = self.rest
            && key & 7 == 2
            && let Some((bytes, rest)) = rest.split_at_checked(usize::from(*length))
        {
            self.rest = rest;
            return Ok(Some((u32::from(key >> 3), Part::Bytes(bytes))));
        }
        if self.rest.is_empty() { Ok(None) } else { self.next_of_any_kind() }
    }

    fn next_of_any_kind(&mut self) -> Read<Option<(u32, Part<'a>)>> {
        let key = u32::try_from(self.varint()?).map_err(|_| not_protobuf())?;
        let part = match key & 7 {
            0 => Part::Varint(self.varint()?),
            1 => Part::Fixed64(self.fixed()?),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| not_protobuf())?;
                let (bytes, rest) = self.rest.split_at_checked(length).ok_or_else(not_protobuf)?;
                self.rest = rest;
                Part::Bytes(bytes)
            }
            5 => Part::Fixed32(self.fixed()?),
            _ => return Err(not_protobuf()),
        };
        match key >> 3 {
            0 => Err(not_protobuf()),
            number => Ok(Some((number, part))),
        }
    }

    fn varint(&mut self) -> Read<u64> {
        let (value, length) = varint(self.rest).ok_or_else(not_protobuf)?;
        self.rest = self.rest.get(length..).unwrap_or_default();
        Ok(value)
    }

    fn fixed<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or_else(not_protobuf)?;
        self.rest = rest;
        Ok(*bytes)
    }
}

impl Value {
    /// The bytes of a string, of bytes, of a message, or of packed numbers.
    pub(crate) fn bytes(self) -> Read<Bytes> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(not_this_message()),
        }
    }

    /// A string of at most `limit` bytes; `what` names it.
    pub(crate) fn text(self, limit: usize, what: &str) -> Read<String> {
        Part::Bytes(&self.bytes()?).text(limit, what)
    }

    /// A number of variable length.
    pub(crate) fn number(&self) -> Read<u64> {
        match self {
            Self::Varint(number) => Ok(*number),
            _ => Err(not_this_message()),
        }
    }

    /// A boolean.
    pub(crate) fn truth(&self) -> Read<bool> {
        match self {
            Self::Varint(0) => Ok(false),
            Self::Varint(1) => Ok(true),
            _ => Err(not_this_message()),
        }
    }
}

impl Part<'_> {
    /// As [`Value::text`].
    pub(crate) fn text(self, limit: usize, what: &str) -> Read<String> {
        let Self::Bytes(bytes) = self else { return Err(not_this_message()) };
        if bytes.len() > limit {
            return Err(Fault::message(format!("{what} is too long")));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(Fault::message(format!("{what} is not UTF-8"))),
        }
    }
}

/// Sets a field that a message has once. Protocol Buffers take the last of several; here that would let two readers of
/// one message see two names.
pub(crate) fn once<T>(place: &mut Option<T>, value: T, what: &str) -> Read<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Fault::message(format!("{what} is given twice"))),
    }
}

/// Reads a number of variable length: the number and its bytes. `None`: it is cut off or longer than 64 bits.
#[inline]
pub(crate) fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    if let Some(byte) = bytes.first().filter(|byte| **byte < 0x80) {
        return Some((u64::from(*byte), 1));
    }
    long_varint(bytes)
}

fn long_varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        let bits = u64::from(byte & 0x7F);
        if index == 9 && bits > 1 {
            return None;
        }
        value |= bits << (7 * index);
        if *byte < 0x80 {
            return Some((value, index + 1));
        }
    }
    None
}

/// Writes a number of variable length.
pub(crate) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Writes the head of a field of `length` bytes.
pub(crate) fn put_head(number: u32, length: usize, out: &mut Vec<u8>) {
    put_varint(u64::from(number) << 3 | 2, out);
    put_varint(length as u64, out);
}

/// Writes a field of bytes; nothing for an empty one, as is the rule for a field that is there once.
pub(crate) fn put_text(number: u32, text: &str, out: &mut Vec<u8>) {
    if !text.is_empty() {
        put_head(number, text.len(), out);
        out.extend_from_slice(text.as_bytes());
    }
}

/// Writes a field that is a message, whose fields `fill` writes.
pub(crate) fn put_message<E>(
    number: u32,
    out: &mut Vec<u8>,
    fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let mut inner = Vec::new();
    fill(&mut inner)?;
    put_head(number, inner.len(), out);
    out.extend_from_slice(&inner);
    Ok(())
}

pub(crate) fn not_protobuf() -> Fault {
    Fault::message("the message is not Protocol Buffers")
}

pub(crate) fn not_this_message() -> Fault {
    Fault::message("the message has a field of another type than the protocol's")
}
