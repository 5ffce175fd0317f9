//! What only an HTTP/2 head can get wrong and the protocol lets through. That refuses, by resetting the stream:
//! connection fields, `te` other than `trailers`, names with capitals, characters that would end a line in HTTP/1, a body
//! that is not as long as `content-length` says, and pseudo-fields that are missing, unknown, repeated or late.

use http::header;
use sluicegate_core::{Kind, Refusal, RequestHead};

/// Refuses a head that must not be passed on.
pub(super) fn check(head: &RequestHead) -> Result<(), Refusal> {
    // The body is held to the first of them.
    if head.headers.get_all(header::CONTENT_LENGTH).count() > 1 {
        return Err(Refusal::new(Kind::BadFraming, "the request has more than one content-length"));
    }
    let mut expectations = head.headers.get_all(header::EXPECT);
    if expectations.any(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Err(Refusal::new(Kind::ExpectationFailed, "the request expects what is not known"));
    }
    Ok(())
}
