//! The header `grpc-timeout`: how long the caller will wait.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use sluicegate_core::{Fields, Kind, Refusal};

/// The header.
pub const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The most that eight digits say.
const MOST: u64 = 99_999_999;

/// Letters of units and their nanoseconds, finest first.
const UNITS: [(u8, u64); 6] = [
    (b'n', 1),
    (b'u', 1_000),
    (b'm', 1_000_000),
    (b'S', 1_000_000_000),
    (b'M', 60_000_000_000),
    (b'H', 3_600_000_000_000),
];

/// Reads how long the caller will wait; `None` where it does not say.
///
/// # Errors
/// The header is not one to eight digits and a unit, or stands there twice.
pub fn read(headers: &Fields) -> Result<Option<Duration>, Refusal> {
    let mut values = headers.get_all(TIMEOUT);
    let Some(value) = values.next() else { return Ok(None) };
    let only = values.next().is_none();
    let wait = if only { parse(value.as_bytes()) } else { None };
    wait.map(Some).ok_or_else(|| {
        Refusal::new(
            Kind::BadRequest,
            "the header grpc-timeout must be one to eight digits and one of H, M, S, m, u, n",
        )
    })
}

/// Reads `100m` and the like.
#[must_use]
pub fn parse(text: &[u8]) -> Option<Duration> {
    let (unit, digits) = text.split_last()?;
    let (_, nanoseconds) = UNITS.iter().find(|(letter, _)| letter == unit)?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let count = digits.iter().fold(0_u64, |number, digit| number * 10 + u64::from(digit - b'0'));
    let total = u128::from(count) * u128::from(*nanoseconds);
    let seconds = u64::try_from(total / 1_000_000_000).ok()?;
    let rest = u32::try_from(total % 1_000_000_000).ok()?;
    Some(Duration::new(seconds, rest))
}

/// Writes a time in the finest unit whose digits suffice, never more than it is; what no digits can say is cut to the
/// most they can.
#[must_use]
pub fn format(wait: Duration) -> HeaderValue {
    let fits = u64::try_from(wait.as_nanos()).ok().and_then(|total| {
        UNITS.iter().map(|(letter, nanoseconds)| (*letter, total / nanoseconds)).find(|fit| fit.1 <= MOST)
    });
    let (letter, count) = fits.unwrap_or((b'H', (wait.as_secs() / 3600).min(MOST)));
    let mut text = Vec::with_capacity(9);
    text.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
    text.push(letter);
    HeaderValue::from_maybe_shared(Bytes::from(text)).unwrap_or(HeaderValue::from_static("0n"))
}
