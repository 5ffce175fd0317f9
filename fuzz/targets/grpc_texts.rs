//! The small texts around a gRPC call: timeout, status message, binary metadata. Each is refused or means the same after
//! it is written and read again, and what is written is a header's value.
//!
//! A corpus file is a header's value.

use sluicegate_core::Fields;
use std::time::Duration;

use http::HeaderValue;
use sluicegate_wire::grpc::status::{self, Code, Status};
use sluicegate_wire::grpc::{metadata, timeout};

/// Reads one text in every way and checks what must hold of it.
pub fn run(data: &[u8]) {
    times(data);
    statuses(data);
    let canonical = base64(data).is_some_and(|bytes| written(&bytes) == unpadded(data));
    assert_eq!(metadata::is_base64(data), canonical);
    assert_eq!(metadata::decode(data), base64(data).filter(|_| canonical));
    if let Ok(value) = HeaderValue::from_bytes(data) {
        let headers = Fields::from_iter([("x-bin", value)]);
        let all = data.split(|byte| *byte == b',').all(|part| metadata::is_base64(part.trim_ascii()));
        assert_eq!(metadata::check_binary(&headers).is_ok(), all);
    }
}

fn times(data: &[u8]) {
    let wait = timeout::parse(data);
    if let Ok(value) = HeaderValue::from_bytes(data) {
        let headers = Fields::from_iter([(timeout::TIMEOUT, value)]);
        assert_eq!(timeout::read(&headers).ok().flatten(), wait);
    }
    // Another reader of the same.
    let other = std::str::from_utf8(data).ok().filter(|text| text.is_ascii() && (2..=9).contains(&text.len()));
    let other = other.and_then(|text| {
        let (digits, unit) = text.split_at(text.len() - 1);
        let count: u64 =
            Some(digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()?;
        match unit {
            "n" => Some(Duration::from_nanos(count)),
            "u" => Some(Duration::from_micros(count)),
            "m" => Some(Duration::from_millis(count)),
            "S" => Some(Duration::from_secs(count)),
            "M" => Some(Duration::from_secs(count * 60)),
            "H" => Some(Duration::from_secs(count * 3600)),
            _ => None,
        }
    });
    assert_eq!(wait, other);
    let any = data.first_chunk().map(|bytes| Duration::new(u64::from_le_bytes(*bytes), 0));
    let fine = data.first_chunk().map(|bytes| Duration::from_nanos(u64::from_le_bytes(*bytes)));
    for wait in [wait, any, fine].into_iter().flatten() {
        let again = timeout::parse(timeout::format(wait).as_bytes()).unwrap();
        // Never more; and less by one part in ten thousand at most, where eight digits reach.
        assert!(again <= wait);
        let most = Duration::from_secs(99_999_999 * 3600);
        assert!(again == most || wait - again <= wait / 10_000, "{wait:?} became {again:?}");
    }
}

fn statuses(data: &[u8]) {
    let decoded = status::decode(data);
    assert!(decoded.len() <= 3 * 2048, "longer than is read");
    let Ok(text) = std::str::from_utf8(data) else { return };
    let encoded = status::encode(text);
    assert!(encoded.as_bytes().iter().all(|byte| matches!(byte, b' '..=b'~')));
    let again = status::decode(encoded.as_bytes());
    if text.len() <= 2048 {
        assert_eq!(again, text);
    } else {
        // Cut within a character it ends with the mark of what cannot be read.
        assert!(text.starts_with(again.trim_end_matches('\u{fffd}')) || text.contains('\u{fffd}'));
    }
    let code = Code::of(data.len().to_le_bytes()[0] % 17).unwrap();
    let status = Status { code, message: again };
    let read = Status::read(&status.trailers()).unwrap();
    assert_eq!(read.code, code);
    if status.message.len() <= 2048 {
        assert_eq!(read, status);
    }
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Reads base64 in the plain way; `None` for another digit, or padding that is none.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let digits = unpadded(text);
    if digits.len() != text.len() && !text.len().is_multiple_of(4) {
        return None;
    }
    let mut bytes = Vec::new();
    for group in digits.chunks(4) {
        let mut bits = 0_u32;
        for at in 0..4 {
            let value = match group.get(at) {
                Some(digit) => DIGITS.iter().position(|known| known == digit)?,
                None => 0,
            };
            bits = bits << 6 | u32::try_from(value).ok()?;
        }
        let whole = [0, 0, 1, 2, 3][group.len()];
        bytes.extend(&bits.to_be_bytes()[1..1 + whole]);
    }
    Some(bytes)
}

/// Writes base64 without padding.
fn written(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for group in bytes.chunks(3) {
        let mut padded = [0; 4];
        padded[1..=group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes(padded);
        let digit = |at: usize| DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
        text.extend((0..=group.len()).map(digit));
    }
    text
}

/// Less at most two equals signs at the end.
fn unpadded(text: &[u8]) -> &[u8] {
    let one = text.strip_suffix(b"=").unwrap_or(text);
    if one.len() == text.len() { text } else { one.strip_suffix(b"=").unwrap_or(one) }
}
