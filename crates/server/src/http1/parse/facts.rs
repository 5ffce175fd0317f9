//! What a head's fields say of its message and its connection.

use http::Version;
use sluicegate_core::Refusal;

use super::{Framing, framing};

/// What fields say of the message and its connection.
#[derive(Debug, Default)]
pub(super) struct Facts {
    length: Option<u64>,
    chunked: bool,
    pub(super) close: bool,
    pub(super) keep: bool,
    pub(super) upgrade: bool,
    /// Whether what is expected is `100-continue`.
    pub(super) expects: Option<bool>,
}

impl Facts {
    /// Takes note of a field whose name is in lower case.
    pub(super) fn note(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refusal> {
        match name {
            b"content-length" => {
                if self.length.is_some() {
                    return Err(framing("the request has more than one content-length"));
                }
                self.length = Some(length(value)?);
            }
            b"transfer-encoding" => {
                if self.chunked {
                    return Err(framing("the request has more than one transfer-encoding"));
                }
                if !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(framing("the only transfer-encoding that is taken is chunked"));
                }
                self.chunked = true;
            }
            b"connection" => {
                for word in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                    self.close |= word.eq_ignore_ascii_case(b"close");
                    self.keep |= word.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            // No other protocol is spoken here; what a client sends in the hope of one is not read as a request.
            b"upgrade" => self.upgrade = true,
            b"expect" => {
                let known = value.eq_ignore_ascii_case(b"100-continue");
                self.expects = Some(known && self.expects.unwrap_or(true));
            }
            _ => {}
        }
        Ok(())
    }

    /// Where the body ends.
    pub(super) fn framing(&self, version: Version) -> Result<Framing, Refusal> {
        match (self.length, self.chunked) {
            (Some(_), true) => Err(framing("the request has both a content-length and a transfer-encoding")),
            (None, true) if version < Version::HTTP_11 => {
                Err(framing("a request of HTTP/1.0 has no transfer-encoding"))
            }
            (None, true) => Ok(Framing::Chunked),
            (None, false) => Ok(Framing::None),
            (Some(length), false) => Ok(Framing::of(length)),
        }
    }
}

/// Digits alone: no sign, no list, nothing that does not fit.
fn length(value: &[u8]) -> Result<u64, Refusal> {
    let wrong = || framing("the content-length is no number");
    if value.is_empty() || value.len() > 19 || !value.iter().all(u8::is_ascii_digit) {
        return Err(wrong());
    }
    std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok()).ok_or_else(wrong)
}
