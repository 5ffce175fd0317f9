//! Headers that decide how a body is read.

use http::{HeaderName, HeaderValue, header::CONTENT_ENCODING};
use sluicegate_core::Fields;

use crate::fault::{Fault, Read};
use crate::grpc::Encoding;

/// Length of the JSON in front of the binary data.
pub(super) const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

/// Content type of a body that is JSON alone.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Content type of a body with binary data behind its JSON.
pub(super) const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Reads the length of the JSON; `None` where the header is absent.
pub(super) fn json_length(headers: &Fields) -> Read<Option<u64>> {
    let mut values = headers.get_all(JSON_LENGTH);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Fault::message("the header inference-header-content-length is given more than once"));
    }
    let digits = value.as_bytes();
    let number = if digits.is_empty() { None } else { digits.iter().try_fold(0_u64, push_digit) };
    let number = number.ok_or_else(|| {
        Fault::message("the header inference-header-content-length must be one number of bytes, in digits alone")
    })?;
    Ok(Some(number))
}

fn push_digit(number: u64, digit: &u8) -> Option<u64> {
    let value = digit.checked_sub(b'0').filter(|value| *value < 10)?;
    number.checked_mul(10)?.checked_add(u64::from(value))
}

/// Whether the body is tensor bytes alone, without JSON.
pub(super) fn is_raw(headers: &Fields) -> bool {
    matches!(json_length(headers), Ok(Some(0)))
}

/// Whether the body's bytes are as they are meant, without a content encoding.
pub(crate) fn is_identity(headers: &Fields) -> bool {
    encoding(headers) == Encoding::Identity
}

/// The one encoding of the body. Several, one upon the other, are taken for one that is not read.
pub(super) fn encoding(headers: &Fields) -> Encoding {
    let values = headers.get_all(CONTENT_ENCODING);
    let codings = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    let mut codings = codings.filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"));
    match (codings.next(), codings.next()) {
        (None, _) => Encoding::Identity,
        (Some(coding), None) if coding.eq_ignore_ascii_case(b"gzip") => Encoding::Gzip,
        (Some(coding), None) if coding.eq_ignore_ascii_case(b"deflate") => Encoding::Deflate,
        _ => Encoding::Unknown,
    }
}
