//! A pull reader for JSON that builds nothing: the caller asks for what it expects and puts values where they belong.
//!
//! Strict (RFC 8259), bounded by [`Limits`], and without recursion, so that no input can grow the stack. It knows
//! nothing of any protocol.

mod members;
mod number;
mod string;
pub(crate) mod write;

use std::borrow::Cow;

pub(crate) use members::Members;
pub(crate) use number::Number;

use crate::Limits;
use crate::fault::{Fault, Read};

/// Reads one JSON text from its start to its end.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    limits: &'a Limits,
}

/// An array or object that is being skipped.
struct Level {
    object: bool,
    first: bool,
}

impl<'a> Reader<'a> {
    /// Over `bytes`, which must be UTF-8 without a byte order mark.
    pub(crate) fn new(bytes: &'a [u8], limits: &'a Limits) -> Read<Self> {
        if bytes.starts_with(b"\xef\xbb\xbf") {
            return Err(Fault::Json { at: 0, what: "a byte order mark; send plain UTF-8" });
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|error| Fault::Json { at: error.valid_up_to(), what: "the text is not UTF-8" })?;
        Ok(Self { text, at: 0, limits })
    }

    /// The limits that hold for this text.
    pub(crate) const fn limits(&self) -> &'a Limits {
        self.limits
    }

    /// A fault at the current place.
    pub(crate) const fn fault(&self, what: &'static str) -> Fault {
        Fault::Json { at: self.at, what }
    }

    /// Bytes that are still unread.
    pub(crate) const fn rest(&self) -> usize {
        self.text.len().saturating_sub(self.at)
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is not white space, left where it is.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.byte() {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Takes `byte` if it comes next.
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Takes `byte`, which must come next.
    pub(crate) fn expect(&mut self, byte: u8, otherwise: &'static str) -> Read<()> {
        if self.eat(byte) { Ok(()) } else { Err(self.fault(otherwise)) }
    }

    /// Takes a bare word (`true`, `null`, `NaN`) if it comes next.
    pub(crate) fn word(&mut self, word: &str) -> bool {
        self.peek();
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let after = rest.get(word.len()).copied().unwrap_or(b' ');
        let found = rest.starts_with(word.as_bytes()) && !(after.is_ascii_alphanumeric() || after == b'_');
        if found {
            self.at += word.len();
        }
        found
    }

    /// Inside an array: whether another element comes. `first` starts as `true`.
    pub(crate) fn next_element(&mut self, first: &mut bool) -> Read<bool> {
        match self.peek() {
            Some(b']') => {
                self.at += 1;
                return Ok(false);
            }
            // The common case, in few steps: most of a message are elements of its tensors.
            Some(b',') if !*first => self.at += 1,
            _ => self.comma(first, "expected ',' or ']'")?,
        }
        if self.peek() == Some(b']') { Err(self.fault("a comma before the end of an array")) } else { Ok(true) }
    }

    /// Inside an object: the next member's key, past its colon. `first` starts as `true`.
    pub(crate) fn next_key(&mut self, first: &mut bool) -> Read<Option<Cow<'a, str>>> {
        if self.eat(b'}') {
            return Ok(None);
        }
        self.comma(first, "expected ',' or '}'")?;
        if self.peek() != Some(b'"') {
            return Err(self.fault("expected a key in quotes"));
        }
        let key = self.string()?;
        self.expect(b':', "expected ':' after a key")?;
        Ok(Some(key))
    }

    fn comma(&mut self, first: &mut bool, otherwise: &'static str) -> Read<()> {
        if std::mem::take(first) {
            return if self.peek().is_some() { Ok(()) } else { Err(self.fault("the text ends too early")) };
        }
        self.expect(b',', otherwise)
    }

    /// Passes over a value that nobody wants, `open` levels deep, checking that it is JSON. With `tensor_data`, the
    /// bare words for non-finite numbers count as values.
    pub(crate) fn skip(&mut self, open: usize, tensor_data: bool) -> Read<()> {
        let mut levels: Vec<Level> = Vec::new();
        loop {
            match self.peek() {
                Some(bracket @ (b'{' | b'[')) => {
                    if open + levels.len() >= self.limits.json_depth {
                        return Err(self.fault("arrays and objects are nested too deep"));
                    }
                    self.at += 1;
                    levels.push(Level { object: bracket == b'{', first: true });
                }
                _ => self.skip_scalar(tensor_data)?,
            }
            while let Some(level) = levels.last_mut() {
                let more = if level.object {
                    self.next_key(&mut level.first)?.is_some()
                } else {
                    self.next_element(&mut level.first)?
                };
                if more {
                    break;
                }
                levels.pop();
            }
            if levels.is_empty() {
                return Ok(());
            }
        }
    }

    fn skip_scalar(&mut self, tensor_data: bool) -> Read<()> {
        if tensor_data && ["NaN", "Infinity", "-Infinity"].iter().any(|word| self.word(word)) {
            return Ok(());
        }
        match self.peek() {
            Some(b'"') => self.pass_string(),
            Some(b'-' | b'0'..=b'9') => self.number().map(drop),
            _ if ["true", "false", "null"].iter().any(|word| self.word(word)) => Ok(()),
            _ => Err(self.fault("expected a value")),
        }
    }

    /// Nothing but white space may follow.
    pub(crate) fn end(&mut self) -> Read<()> {
        if self.peek().is_none() { Ok(()) } else { Err(self.fault("something follows the end of the JSON")) }
    }
}
