//! Numbers, as text: what they mean is for the one who knows the wanted type.

use super::Reader;
use crate::fault::Read;

/// A number that keeps the spelling it came in.
#[derive(Clone, Copy)]
pub(crate) struct Number<'a> {
    /// The spelling, of bounded length.
    pub(crate) text: &'a str,
    /// Whether it has neither fraction nor exponent.
    pub(crate) integer: bool,
}

impl<'a> Reader<'a> {
    /// Takes a number, which must come next.
    pub(crate) fn number(&mut self) -> Read<Number<'a>> {
        self.peek();
        let start = self.at;
        let mut integer = true;
        self.at += usize::from(self.byte() == Some(b'-'));
        let whole = self.at;
        self.digits()?;
        if self.text.as_bytes().get(whole) == Some(&b'0') && self.at > whole + 1 {
            self.at = whole;
            return Err(self.fault("a number starts with a needless zero"));
        }
        if self.byte() == Some(b'.') {
            integer = false;
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            integer = false;
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        if self.at - start > self.limits.number {
            self.at = start;
            return Err(self.fault("a number is too long"));
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        Ok(Number { text, integer })
    }

    fn digits(&mut self) -> Read<()> {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(self.fault("expected a digit")) }
    }
}

impl Number<'_> {
    /// The exact value of an integer that fits; `None` for one that has a fraction or exponent, or is too large.
    pub(crate) fn exact(self) -> Option<i128> {
        if !self.integer {
            return None;
        }
        let (negative, digits) = self.text.strip_prefix('-').map_or((false, self.text), |digits| (true, digits));
        let magnitude = digits
            .bytes()
            .try_fold(0_u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit.wrapping_sub(b'0'))))?;
        let value = i128::from(magnitude);
        Some(if negative { -value } else { value })
    }
}
