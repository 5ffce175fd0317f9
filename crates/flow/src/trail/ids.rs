//! The ids of a request: `x-request-id`, and the trace context of W3C Trace Context, level 1; and what the next hop is told
//! of where it comes from. What the client says of that itself is not handed on.

use std::io::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use sluicegate_core::{Dice, Inbound, Secure};

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Longest request id taken from a client.
const MAX_REQUEST_ID: usize = 128;
/// Longest `tracestate` handed on.
const MAX_TRACESTATE: usize = 512;

#[derive(Clone)]
pub(crate) struct Ids {
    pub(super) request: Arc<str>,
    pub(super) request_header: HeaderValue,
    pub(super) trace: Arc<str>,
    traceparent: HeaderValue,
    tracestate: Option<HeaderValue>,
    client: HeaderValue,
    scheme: HeaderValue,
}

impl Ids {
    /// Takes what the client sent where it is well formed; makes the rest.
    pub(super) fn read_or_make(inbound: &Inbound, dice: &dyn Dice) -> Self {
        let headers = &inbound.head.headers;
        let secure = inbound.head.extensions.get::<Secure>().is_some();
        let request: Arc<str> = only(headers, REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .filter(|id| acceptable(id))
            .map_or_else(|| Arc::from(hexadecimal::<32>(&[dice.roll(), dice.roll()]).as_str()), Arc::from);
        let parent = only(headers, TRACEPARENT).and_then(|value| value.to_str().ok()).and_then(parse_traceparent);
        let tracestate = parent.and_then(|_| only(headers, TRACESTATE)).filter(|state| state.len() <= MAX_TRACESTATE);
        let (trace, flags): (Arc<str>, &str) = match parent {
            Some((trace, flags)) => (trace.into(), flags),
            None => (Arc::from(hexadecimal::<32>(&[dice.roll(), dice.roll() | 1]).as_str()), "00"),
        };
        let mut traceparent = String::with_capacity(55);
        for part in ["00-", &trace, "-", hexadecimal::<16>(&[dice.roll() | 1]).as_str(), "-", flags] {
            traceparent.push_str(part);
        }
        let text_only = |text: &str| HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""));
        Self {
            request_header: text_only(&request),
            request,
            traceparent: text_only(&traceparent),
            trace,
            tracestate: tracestate.cloned(),
            client: written(inbound.peer.ip().to_canonical()),
            scheme: HeaderValue::from_static(if secure { "https" } else { "http" }),
        }
    }

    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(5);
        headers.insert(REQUEST_ID, self.request_header.clone());
        headers.insert(TRACEPARENT, self.traceparent.clone());
        if let Some(state) = &self.tracestate {
            headers.insert(TRACESTATE, state.clone());
        }
        headers.insert(FORWARDED_FOR, self.client.clone());
        headers.insert(FORWARDED_PROTO, self.scheme.clone());
        headers
    }
}

/// An address as a field's value.
fn written(address: IpAddr) -> HeaderValue {
    // The longest IPv6 address has 45 characters.
    let mut text = [0; 45];
    let mut rest: &mut [u8] = &mut text;
    let left = write!(rest, "{address}").map_or(45, |()| rest.len());
    let (text, _) = text.split_at(text.len().saturating_sub(left));
    HeaderValue::from_bytes(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Digits without a detour through the formatting machinery, which costs more than all the rest here.
struct Hexadecimal<const N: usize>([u8; N]);

fn hexadecimal<const N: usize>(words: &[u64]) -> Hexadecimal<N> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [b'0'; N];
    let nibbles = words.iter().flat_map(|word| (0..16).rev().map(move |place| (word >> (place * 4)) & 15));
    for (digit, nibble) in digits.iter_mut().zip(nibbles) {
        *digit = usize::try_from(nibble).ok().and_then(|nibble| DIGITS.get(nibble)).copied().unwrap_or_default();
    }
    Hexadecimal(digits)
}

impl<const N: usize> Hexadecimal<N> {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A header that was sent exactly once.
fn only<'a>(headers: &'a HeaderMap, name: HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// Ids end in logs and headers: printable ASCII without quotes or spaces, of bounded length.
fn acceptable(id: &str) -> bool {
    (1..=MAX_REQUEST_ID).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\' | b'<' | b'>'))
}

/// Trace id and flags of a well-formed header; versions above 00 are read as far as 00 goes.
fn parse_traceparent(text: &str) -> Option<(&str, &str)> {
    let lower_hex = |part: &&str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut parts = text.split('-');
    let version = parts.next().filter(|part| part.len() == 2 && *part != "ff").filter(lower_hex)?;
    let trace = parts.next().filter(|part| part.len() == 32).filter(lower_hex)?;
    let span = parts.next().filter(|part| part.len() == 16).filter(lower_hex)?;
    let flags = parts.next().filter(|part| part.len() == 2).filter(lower_hex)?;
    let zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    let longer_than_known = parts.next().is_some() && version == "00";
    (!(zero(trace) || zero(span) || longer_than_known)).then_some((trace, flags))
}

#[cfg(test)]
mod tests {
    use super::{acceptable, hexadecimal, parse_traceparent, written};

    #[test]
    fn addresses_as_values() {
        for text in ["192.0.2.1", "::1", "2001:db8:1111:2222:3333:4444:5555:6666", "255.255.255.255"] {
            assert_eq!(written(text.parse().unwrap()), text);
        }
    }

    #[test]
    fn words_as_digits() {
        let words = [0x0123_4567_89ab_cdef, 0xf];
        assert_eq!(hexadecimal::<32>(&words).as_str(), format!("{:016x}{:016x}", words[0], words[1]));
    }

    #[test]
    fn request_ids() {
        assert!(acceptable("req-1:a/b"));
        for bad in ["", "a b", "a\"b", "\u{e9}", "<b>", &"x".repeat(129)] {
            assert!(!acceptable(bad), "{bad}");
        }
    }

    #[test]
    fn traceparents() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(parse_traceparent(good), Some(("4bf92f3577b34da6a3ce929d0e0e4736", "01")));
        let newer = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what";
        assert!(parse_traceparent(newer).is_some());
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert_eq!(parse_traceparent(bad), None, "{bad}");
        }
    }
}
