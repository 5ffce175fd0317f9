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
    /// What the spelling says, where that is short.
    short: Option<Short>,
}

/// `digits` times ten to the power of `scale`: exact, for the digits are few enough.
#[derive(Clone, Copy)]
struct Short {
    digits: u64,
    scale: i32,
}

/// Digits that 64 bits hold whatever they are.
const DIGITS: usize = 19;

/// Digits of an exponent that are added up; more say nothing that a float could hold.
const EXPONENT_DIGITS: usize = 4;

/// The powers of ten that a double holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// A walk over the characters of a number. Apart from the reader, so that it runs in registers.
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Takes a number, which must come next.
    pub(crate) fn number(&mut self) -> Read<Number<'a>> {
        self.peek();
        let start = self.at;
        let mut scan = Scan { bytes: self.text.as_bytes(), at: start };
        let read = scan.number();
        self.at = scan.at;
        let (integer, short) = read.map_err(|what| self.fault(what))?;
        if self.at - start > self.limits.number {
            self.at = start;
            return Err(self.fault("a number is too long"));
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        Ok(Number { text, integer, short })
    }
}

impl Scan<'_> {
    fn byte(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Whether it is an integer, and what it says, where that is short. What is wrong is so at the place reached.
    fn number(&mut self) -> Result<(bool, Option<Short>), &'static str> {
        self.at += usize::from(self.byte() == Some(b'-'));
        let whole = self.at;
        let mut digits = 0;
        self.digits(&mut digits)?;
        let zero = self.bytes.get(whole) == Some(&b'0');
        if zero && self.at > whole + 1 {
            self.at = whole;
            return Err("a number starts with a needless zero");
        }
        let mut significant = if zero { 0 } else { self.at - whole };
        let (mut fraction, mut exponent) = (0, Some(0));
        let integer = !matches!(self.byte(), Some(b'.' | b'e' | b'E'));
        if self.byte() == Some(b'.') {
            self.at += 1;
            let point = self.at;
            while zero && self.byte() == Some(b'0') {
                self.at += 1;
            }
            let zeros = self.at - point;
            let more = self.byte().is_some_and(|byte| byte.is_ascii_digit());
            if zeros == 0 || more {
                self.digits(&mut digits)?;
            }
            fraction = self.at - point;
            significant += fraction - zeros;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            exponent = self.exponent()?;
        }
        let scale = exponent.zip(i32::try_from(fraction).ok()).and_then(|(ten, less)| ten.checked_sub(less));
        Ok((integer, scale.filter(|_| significant <= DIGITS).map(|scale| Short { digits, scale })))
    }

    /// Takes digits, at least one, and adds them to those before; more than 64 bits hold come to nothing of use.
    fn digits(&mut self, number: &mut u64) -> Result<(), &'static str> {
        let start = self.at;
        while let Some(digit) = self.byte().map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
            *number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err("expected a digit") }
    }

    /// Takes an exponent behind its letter; `None` where it is long.
    fn exponent(&mut self) -> Result<Option<i32>, &'static str> {
        let negative = self.byte() == Some(b'-');
        self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
        let start = self.at;
        let mut number = 0;
        self.digits(&mut number)?;
        let short = i32::try_from(number).ok().filter(|_| self.at - start <= EXPONENT_DIGITS);
        Ok(short.map(|number| if negative { -number } else { number }))
    }
}

impl Number<'_> {
    /// The exact value of an integer that fits; `None` for one that has a fraction or exponent, or is too large.
    pub(crate) fn exact(self) -> Option<i128> {
        if !self.integer {
            return None;
        }
        let magnitude = match self.short {
            Some(short) => short.digits,
            None => self.text.strip_prefix('-').unwrap_or(self.text).parse::<u64>().ok()?,
        };
        let value = i128::from(magnitude);
        Some(if self.is_negative() { -value } else { value })
    }

    /// The nearest double; infinite where it is out of range.
    pub(crate) fn double(self) -> f64 {
        // Digits and power are both exact, so that their product is rounded once.
        let exact = self.short.filter(|short| short.digits < 1 << 53);
        exact.and_then(|short| self.product(short)).unwrap_or_else(|| self.text.parse().unwrap_or(f64::NAN))
    }

    /// The nearest single; infinite where it is out of range.
    pub(crate) fn single(self) -> f32 {
        let near = self.short.and_then(|short| self.product(short)).filter(|near| rounds_to_single(*near));
        #[expect(clippy::cast_possible_truncation, reason = "rounded to the nearest, and known to be in range")]
        near.map_or_else(|| self.text.parse().unwrap_or(f32::NAN), |near| near as f32)
    }

    fn is_negative(self) -> bool {
        self.text.starts_with('-')
    }

    /// Digits times power: rounded once if the digits are below 2^53, else twice. `None` where the power is not exact.
    #[expect(clippy::cast_precision_loss, reason = "rounded to the nearest")]
    fn product(self, short: Short) -> Option<f64> {
        let power = *POWERS.get(usize::try_from(short.scale.unsigned_abs()).ok()?)?;
        let digits = short.digits as f64;
        let magnitude = if short.scale < 0 { digits / power } else { digits * power };
        Some(if self.is_negative() { -magnitude } else { magnitude })
    }
}

/// Whether a double that is off by two units in its last place at most rounds to the same single as the number it is
/// near: it does unless it is about halfway between two singles. Of singles that are not normal, other bits decide.
fn rounds_to_single(near: f64) -> bool {
    const CUT: u64 = (1 << 29) - 1;
    const HALF: u64 = 1 << 28;
    let magnitude = near.abs();
    let normal = magnitude >= f64::from(f32::MIN_POSITIVE) && magnitude <= f64::from(f32::MAX);
    magnitude == 0.0 || (normal && (near.to_bits() & CUT).abs_diff(HALF) > 4)
}
