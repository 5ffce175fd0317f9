//! One canonical form of a request's target. What every later step sees, decides by and sends on is this form, so that
//! no two of them can read it differently.
//!
//! Refused: dot segments, empty segments, `;`, backslashes, control characters, percent-encodings of any of these or of
//! `/` and `%`, bytes that are no ASCII, percent-encoded bytes that are no UTF-8, fragments. Letters, digits and `-._~`
//! lose their percent-encoding; what else is encoded stays so, in upper case (RFC 3986, section 6.2.2).

use std::borrow::Cow;

use sluicegate_core::{Kind, Refusal};

/// The canonical form of `target` in origin form: a path, and a query if there is one.
pub(crate) fn canonical(target: &str) -> Result<Cow<'_, str>, Refusal> {
    // Nearly every target is a plain path, which is told by one look at each byte.
    if is_plain(target) {
        return Ok(Cow::Borrowed(target));
    }
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    if let Some(query) = query {
        check_query(query)?;
    }
    if !path.starts_with('/') {
        return Err(refuse("the request target must be a path that begins with '/'"));
    }
    if !path.contains('%') {
        check_segments(path)?;
        return Ok(Cow::Borrowed(target));
    }
    let mut canonical = decoded(path, target.len())?;
    check_segments(&canonical)?;
    if let Some(query) = query {
        canonical.push('?');
        canonical.push_str(query);
    }
    Ok(Cow::Owned(canonical))
}

/// `path` with percent-encoding only where it is needed, and room for `length` bytes in all.
fn decoded(path: &str, length: usize) -> Result<String, Refusal> {
    let mut out = String::with_capacity(length);
    let mut text = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            out.push(char::from(byte));
            text.push(byte);
            continue;
        }
        let byte = rest.next().and_then(hex).zip(rest.next().and_then(hex)).map(|(high, low)| high << 4 | low);
        match byte {
            None => return Err(refuse("the path has a '%' that no two hexadecimal digits follow")),
            Some(b'/' | b'\\' | b'%' | b';' | 0..=0x1f | 0x7f) => {
                return Err(refuse("the path has a percent-encoded character that must not stand in it"));
            }
            Some(byte) if is_unreserved(byte) => {
                out.push(char::from(byte));
                text.push(byte);
            }
            Some(byte) => {
                out.push('%');
                out.push(digit(byte >> 4));
                out.push(digit(byte & 15));
                text.push(byte);
            }
        }
    }
    // Overlong forms, too, are no UTF-8.
    match std::str::from_utf8(&text) {
        Ok(_) => Ok(out),
        Err(_) => Err(refuse("the path has percent-encoded bytes that are not UTF-8")),
    }
}

/// Whether this is a path in canonical form, without query and without anything that is to be looked at closer.
fn is_plain(target: &str) -> bool {
    let (all, closer) = classes(target);
    // The question mark is no character of a path.
    target.starts_with('/') && all & (WRONG | PERCENT) == 0 && !closer
}

/// What the bytes of a path are, taken together; and whether two slashes, or a slash and a dot, follow one another: rare
/// enough to look closer only then.
fn classes(path: &str) -> (u8, bool) {
    let (mut all, mut closer, mut before) = (0, 0, 0);
    for byte in path.bytes() {
        let class = IN_A_PATH.get(usize::from(byte)).copied().unwrap_or(WRONG);
        all |= class;
        closer |= (before << 1) & class & CLOSER;
        before = class;
    }
    (all, closer != 0)
}

fn check_segments(path: &str) -> Result<(), Refusal> {
    let (all, closer) = classes(path);
    if all & WRONG != 0 {
        return Err(refuse("the path has a character that must not stand in it"));
    }
    if closer {
        let mut segments = path.split('/').skip(1).peekable();
        while let Some(segment) = segments.next() {
            let last = segments.peek().is_none();
            if matches!(segment, "." | "..") || (segment.is_empty() && !last) {
                return Err(refuse("the path has an empty segment, or one of dots"));
            }
        }
    }
    Ok(())
}

fn check_query(query: &str) -> Result<(), Refusal> {
    let allowed = |byte: &u8| matches!(byte, 0x21..=0x7e) && !matches!(byte, b'"' | b'#' | b'<' | b'>' | b'\\');
    if !query.as_bytes().iter().all(allowed) {
        return Err(refuse("the query has a character that must not stand in it"));
    }
    let mut rest = query.bytes();
    while rest.by_ref().any(|byte| byte == b'%') {
        match rest.next().and_then(hex).zip(rest.next().and_then(hex)) {
            None => return Err(refuse("the query has a '%' that no two hexadecimal digits follow")),
            Some((0, 0)) => return Err(refuse("the query has a NUL")),
            Some(_) => {}
        }
    }
    Ok(())
}

/// What must not stand in a path.
const WRONG: u8 = 1;

/// A slash; and what is looked at closer behind one. The latter is the bit above the former.
const SLASH: u8 = 2;
const CLOSER: u8 = SLASH << 1;

/// Begins a percent-encoding.
const PERCENT: u8 = 8;

/// What a byte is in a path: looked up for every byte of every path.
static IN_A_PATH: [u8; 256] = {
    let mut table = [0; 256];
    let mut rest: &mut [u8] = &mut table;
    let mut byte = 0_u8;
    while let Some((class, behind)) = rest.split_first_mut() {
        *class = match byte {
            b'/' => SLASH | CLOSER,
            b'.' => CLOSER,
            b'%' => PERCENT,
            _ if stands_in_a_path(byte) => 0,
            _ => WRONG,
        };
        byte = byte.wrapping_add(1);
        rest = behind;
    }
    table
};

/// What may stand in a path: `pchar` of RFC 3986 without `;`, and the slash. The percent sign is looked at elsewhere.
const fn stands_in_a_path(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'/' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@' | b'%'
        )
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('0').to_ascii_uppercase()
}

fn refuse(public: &'static str) -> Refusal {
    Refusal::new(Kind::BadPath, public)
}

#[cfg(test)]
mod tests;
