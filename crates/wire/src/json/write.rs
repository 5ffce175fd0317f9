//! Writing JSON piece by piece into bytes.

/// Writes `text` as a string.
pub(crate) fn string(text: &str, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..=0x1f => {
                let digit = DIGITS.get(usize::from(byte & 15)).copied().unwrap_or(b'0');
                out.extend_from_slice(if byte < 16 { b"\\u000" } else { b"\\u001" });
                out.push(digit);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Writes an integer.
pub(crate) fn integer(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Writes a finite number with the fewest digits that read back equal.
pub(crate) fn finite(value: impl zmij::Float, out: &mut Vec<u8>) {
    out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
}

/// Writes a key with its colon, after a comma where another member stands before it.
pub(crate) fn key(name: &str, out: &mut Vec<u8>) {
    if out.last().is_some_and(|byte| *byte != b'{') {
        out.push(b',');
    }
    string(name, out);
    out.push(b':');
}
