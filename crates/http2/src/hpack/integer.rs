//! Integers with a prefix (RFC 7541, section 5.1).

use super::Broken;

/// Bytes behind the prefix that are read: what needs more is larger than anything that is taken.
const MOST: u32 = 4;

/// Takes an integer whose first byte was `first`, with `bits` of prefix, off the front of `rest`.
pub(super) fn take(first: u8, bits: u32, rest: &mut &[u8]) -> Result<usize, Broken> {
    let mask = u8::MAX >> (8 - bits);
    let prefix = first & mask;
    if prefix < mask {
        return Ok(usize::from(prefix));
    }
    let mut value = usize::from(mask);
    for place in 0..MOST {
        let byte = next(rest)?;
        value += usize::from(byte & 0x7f) << (place * 7);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Broken("an integer is too large"))
}

/// Writes `value` behind the bits of `first` that are no prefix.
#[inline]
pub(super) fn put(out: &mut Vec<u8>, first: u8, bits: u32, value: usize) {
    let mask = u8::MAX >> (8 - bits);
    if let Some(small) = u8::try_from(value).ok().filter(|small| *small < mask) {
        return out.push(first | small);
    }
    out.push(first | mask);
    let mut left = value.saturating_sub(usize::from(mask));
    while left >= 0x80 {
        out.push(low(left) | 0x80);
        left >>= 7;
    }
    out.push(low(left));
}

/// The next byte, which must be there.
pub(super) fn next(rest: &mut &[u8]) -> Result<u8, Broken> {
    let (first, others) = rest.split_first().ok_or(Broken("a block ends in the middle of a field"))?;
    *rest = others;
    Ok(*first)
}

fn low(value: usize) -> u8 {
    let [byte, ..] = value.to_le_bytes();
    byte & 0x7f
}
