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

/// Their inverses, rounded: to multiply is much faster than to divide.
const INVERSES: [f64; 23] = [
    1e-0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15, 1e-16, 1e-17,
    1e-18, 1e-19, 1e-20, 1e-21, 1e-22,
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
    #[inline]
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
    #[inline]
    fn digits(&mut self, number: &mut u64) -> Result<(), &'static str> {
        let start = self.at;
        while let Some(eight) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk).and_then(eight_digits) {
            *number = number.wrapping_mul(100_000_000).wrapping_add(eight);
            self.at += 8;
        }
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

/// What eight digits say, all at once; `None` where one of them is none.
#[inline]
fn eight_digits(text: &[u8; 8]) -> Option<u64> {
    const HIGH: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    const PAIRS: u64 = 0x0000_00ff_0000_00ff;
    let word = u64::from_le_bytes(*text);
    // Nothing but a digit has 3 above both in itself and in its sum with 6.
    let sums = word.wrapping_add(0x0606_0606_0606_0606);
    if (word & HIGH) | ((sums & HIGH) >> 4) != 0x3333_3333_3333_3333 {
        return None;
    }
    let ones = word & !HIGH;
    // Each second byte is now a number of two digits; then each half is one of four, and the upper half all eight.
    let twos = ones.wrapping_mul(10).wrapping_add(ones >> 8);
    let first = (twos & PAIRS).wrapping_mul(100 + (1_000_000 << 32));
    let second = ((twos >> 16) & PAIRS).wrapping_mul(1 + (10_000 << 32));
    Some(first.wrapping_add(second) >> 32)
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
        self.exact_product().unwrap_or_else(|| self.text.parse().unwrap_or(f64::NAN))
    }

    /// The nearest single; infinite where it is out of range.
    #[inline]
    pub(crate) fn single(self) -> f32 {
        let near = self.near_product().filter(|near| rounds_to_single(*near));
        #[expect(clippy::cast_possible_truncation, reason = "rounded to the nearest, and known to be in range")]
        near.map_or_else(|| self.text.parse().unwrap_or(f32::NAN), |near| near as f32)
    }

    fn is_negative(self) -> bool {
        self.text.starts_with('-')
    }

    /// Digits times power, both exact, so that it is rounded once.
    #[expect(clippy::cast_precision_loss, reason = "digits below 2^53 are exact")]
    fn exact_product(self) -> Option<f64> {
        let Short { digits, scale } = self.short.filter(|short| short.digits < 1 << 53)?;
        let power = *POWERS.get(usize::try_from(scale.unsigned_abs()).ok()?)?;
        let digits = digits as f64;
        Some(self.signed(if scale < 0 { digits / power } else { digits * power }))
    }

    /// Digits times power, where each of the two and their product may be rounded.
    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "rounded to the nearest")]
    fn near_product(self) -> Option<f64> {
        let Short { digits, scale } = self.short?;
        let table = if scale < 0 { &INVERSES } else { &POWERS };
        Some(self.signed(digits as f64 * *table.get(usize::try_from(scale.unsigned_abs()).ok()?)?))
    }

    fn signed(self, magnitude: f64) -> f64 {
        if self.is_negative() { -magnitude } else { magnitude }
    }
}

/// Whether a double that was rounded three times rounds to the same single as the number it is near: it does unless it
/// is about halfway between two singles. Of singles that are not normal, other bits decide.
#[inline]
fn rounds_to_single(near: f64) -> bool {
    const CUT: u64 = (1 << 29) - 1;
    const HALF: u64 = 1 << 28;
    let magnitude = near.abs();
    let normal = magnitude >= f64::from(f32::MIN_POSITIVE) && magnitude <= f64::from(f32::MAX);
    magnitude == 0.0 || (normal && (near.to_bits() & CUT).abs_diff(HALF) > 16)
}
