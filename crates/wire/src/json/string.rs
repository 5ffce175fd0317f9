//! Strings: borrowed where they hold no escape.

use std::borrow::Cow;

use super::Reader;
use crate::fault::Read;

impl<'a> Reader<'a> {
    /// Takes a string, which must come next.
    pub(crate) fn string(&mut self) -> Read<Cow<'a, str>> {
        self.expect(b'"', "expected a string")?;
        let first = self.piece()?;
        if self.byte() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(first));
        }
        let mut text = String::from(first);
        loop {
            // A piece ends at a quote or at a backslash.
            self.at += 1;
            text.push(self.escape()?);
            text.push_str(self.piece()?);
            if self.byte() == Some(b'"') {
                self.at += 1;
                return Ok(Cow::Owned(text));
            }
        }
    }

    /// Passes over a string, which must come next, without making it.
    pub(super) fn pass_string(&mut self) -> Read<()> {
        self.expect(b'"', "expected a string")?;
        loop {
            self.piece()?;
            let ends = self.byte() == Some(b'"');
            self.at += 1;
            if ends {
                return Ok(());
            }
            self.escape()?;
        }
    }

    /// The text up to the next quote or backslash, which is left where it is.
    fn piece(&mut self) -> Read<&'a str> {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let Some(length) = memchr::memchr2(b'"', b'\\', rest) else {
            return Err(self.fault("a string has no end"));
        };
        let piece = self.text.get(start..start + length).unwrap_or_default();
        // Looked over without a way out first, which takes many bytes at a time.
        if piece.bytes().fold(false, |bad, byte| bad | (byte < 0x20))
            && let Some(bad) = piece.bytes().position(|byte| byte < 0x20)
        {
            self.at += bad;
            return Err(self.fault("a string holds a bare control character"));
        }
        self.at += length;
        Ok(piece)
    }

    /// The character of an escape, past its backslash.
    fn escape(&mut self) -> Read<char> {
        let letter = match self.byte() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.fault("an unknown escape in a string")),
        };
        self.at += 1;
        Ok(letter)
    }

    /// The character of `\uXXXX`, past the `u`; takes a second escape where the first is half of a pair.
    fn unicode(&mut self) -> Read<char> {
        let start = self.at;
        let unit = self.hex()?;
        let code = match unit {
            0xd800..=0xdbff => {
                let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
                self.at += if rest.starts_with(b"\\u") { 2 } else { 0 };
                let low = if rest.starts_with(b"\\u") { self.hex()? } else { 0 };
                if !(0xdc00..=0xdfff).contains(&low) {
                    self.at = start;
                    return Err(self.fault("half of a surrogate pair"));
                }
                0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
            }
            _ => unit,
        };
        char::from_u32(code).ok_or_else(|| {
            self.at = start;
            self.fault("half of a surrogate pair")
        })
    }

    fn hex(&mut self) -> Read<u32> {
        let digits = self.text.get(self.at..self.at + 4).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        let value = digits.and_then(|text| u32::from_str_radix(text, 16).ok());
        let value = value.ok_or_else(|| self.fault("expected four hexadecimal digits"))?;
        self.at += 4;
        Ok(value)
    }
}
