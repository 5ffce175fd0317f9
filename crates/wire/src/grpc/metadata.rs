//! Metadata of calls: names that end in `-bin` carry base64, which must be right before it is handed on.

use sluicegate_core::{Fields, Kind, Refusal};

/// Checks that every value of a `-bin` header is base64, with or without padding; commas part several values.
///
/// # Errors
/// One is not. The refusal names the header, as far as its name is a usual one.
pub fn check_binary(headers: &Fields) -> Result<(), Refusal> {
    for (name, value) in headers {
        let binary = name.as_str().ends_with("-bin");
        if binary && !is_binary(value.as_bytes()) {
            let name = name.as_str().get(..64).unwrap_or(name.as_str());
            return Err(Refusal::new(Kind::BadRequest, format!("the metadata {name} is not base64")));
        }
    }
    Ok(())
}

/// Whether a value of a `-bin` header is one, or several with commas between.
#[must_use]
pub fn is_binary(value: &[u8]) -> bool {
    value.split(|byte| *byte == b',').all(|part| is_base64(part.trim_ascii()))
}

/// The bytes that base64 stands for; `None` where it is none.
#[must_use]
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.iter().take_while(|byte| **byte != b'=');
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for digit in digits.filter(|_| is_base64(text)) {
        bits = (bits << 6) | u32::from(value(*digit)?);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xFF).unwrap_or(0));
        }
    }
    is_base64(text).then_some(bytes)
}

/// Whether `text` is base64 that stands for whole bytes and for nothing more.
#[must_use]
pub fn is_base64(text: &[u8]) -> bool {
    let padding = text.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    let (digits, _) = text.split_at_checked(text.len().saturating_sub(padding)).unwrap_or((text, &[]));
    let values: Option<Vec<u8>> = digits.iter().rev().take(1).map(|digit| value(*digit)).collect();
    let last = values.and_then(|values| values.first().copied());
    let spare = match digits.len() % 4 {
        0 => 0,
        2 => 0x0F,
        3 => 0x03,
        _ => return false,
    };
    let padded_right = padding == 0 || (digits.len() + padding).is_multiple_of(4);
    // Bits behind the last whole byte would let one value be written in several ways.
    let whole = last.is_none_or(|last| last & spare == 0);
    padded_right && whole && digits.iter().all(|digit| value(*digit).is_some())
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}
