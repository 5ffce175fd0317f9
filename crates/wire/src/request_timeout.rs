//! The header `x-request-timeout`: how long the caller of a protocol over plain HTTP will wait. A number of seconds, as
//! proxies and client libraries send it, or a number with a unit: `250ms`, `1.5s`, `2m`.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use sluicegate_core::{Fields, Kind, Refusal};

/// The header.
pub const TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout");

/// Longest text that is read.
const LONGEST: usize = 16;

/// Reads how long the caller will wait; `None` where it does not say.
///
/// # Errors
/// The header is not such a time, or stands there twice.
pub fn read(headers: &Fields) -> Result<Option<Duration>, Refusal> {
    let mut values = headers.get_all(TIMEOUT);
    let Some(value) = values.next() else { return Ok(None) };
    let only = values.next().is_none();
    let wait = if only { parse(value.as_bytes()) } else { None };
    wait.map(Some).ok_or_else(|| {
        Refusal::new(Kind::BadRequest, "the header x-request-timeout must be a time such as `2`, `1.5s` or `250ms`")
    })
}

/// Reads `2`, `1.5s`, `250ms`, `100us`, `2m`.
#[must_use]
pub fn parse(text: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= LONGEST)?;
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let seconds = match unit {
        "" | "s" => 1.0,
        "ms" => 1e-3,
        "us" => 1e-6,
        "m" => 60.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
}

/// Says `left` where the caller said how long it will wait: what is left of that.
pub fn shrink(headers: &mut Fields, left: impl FnOnce() -> Duration) {
    if headers.contains(TIMEOUT) {
        let left = left();
        let text = format!("{}.{:06}", left.as_secs(), left.subsec_micros());
        let value = HeaderValue::from_maybe_shared(Bytes::from(text)).unwrap_or(HeaderValue::from_static("0"));
        headers.insert(TIMEOUT, value);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;
    use sluicegate_core::Fields;

    use super::{TIMEOUT, parse, read, shrink};

    #[test]
    fn times() {
        for (text, milliseconds) in
            [("2", 2000), ("0.25", 250), ("1.5s", 1500), ("250ms", 250), ("2m", 120_000), ("0", 0)]
        {
            assert_eq!(parse(text.as_bytes()), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for bad in ["", "s", "-1", "1e3", " 1", "1 s", "1h", "inf", "NaN", "1.2.3", "99999999999999999999", "\u{661}"] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn only_one_counts_and_it_shrinks() {
        let mut headers = Fields::new();
        assert_eq!(read(&headers).unwrap(), None);
        shrink(&mut headers, || Duration::from_secs(1));
        assert!(headers.is_empty());
        headers.append(TIMEOUT, HeaderValue::from_static("2"));
        shrink(&mut headers, || Duration::from_micros(1_250_007));
        assert_eq!(headers.get(TIMEOUT).unwrap(), "1.250007");
        headers.append(TIMEOUT, HeaderValue::from_static("2"));
        assert!(read(&headers).is_err());
    }
}
