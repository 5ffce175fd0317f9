//! The ids of a request: `x-request-id`, and the trace context of W3C Trace Context, level 1; and what the next hop is told
//! of where it comes from. What the client says of that itself is not handed on.

use std::cell::RefCell;
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
/// Digits of a trace id, and of a request id made here.
const LONG: usize = 32;
/// Digits of a span's id.
const SHORT: usize = 16;
/// Characters of a `traceparent` of version 00.
const PARENT: usize = 3 + LONG + 1 + SHORT + 3;

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
        let sent = only(headers, &REQUEST_ID).and_then(|value| Some((value, value.to_str().ok()?)));
        let (request_header, request) = match sent.filter(|(_, id)| acceptable(id)) {
            Some((value, id)) => (value.clone(), Arc::from(id)),
            None => {
                let mut digits = [0; LONG];
                hexadecimal(&mut digits, [dice.roll(), dice.roll()]);
                (value(digits.to_vec()), text(&digits).into())
            }
        };
        let parent = only(headers, &TRACEPARENT).and_then(|value| value.to_str().ok()).and_then(parse_traceparent);
        let tracestate = parent.and_then(|_| only(headers, &TRACESTATE)).filter(|state| state.len() <= MAX_TRACESTATE);
        let mut made = [0; LONG];
        let (trace, flags) = match parent {
            Some((trace, flags)) => (trace, flags),
            None => {
                hexadecimal(&mut made, [dice.roll(), dice.roll() | 1]);
                (text(&made), "00")
            }
        };
        let traceparent = value(traceparent(trace, dice.roll() | 1, flags));
        Self {
            request,
            request_header: new_each_time(request_header),
            trace: trace.into(),
            traceparent: new_each_time(traceparent),
            tracestate: tracestate.cloned(),
            client: address(inbound.peer.ip().to_canonical()),
            scheme: HeaderValue::from_static(if secure { "https" } else { "http" }),
        }
    }

    pub(crate) fn headers(&self) -> HeaderMap {
        // Room also for the fields of the client that join them, so that it need not grow.
        let mut headers = HeaderMap::with_capacity(12);
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

/// `00-trace-span-flags`.
fn traceparent(trace: &str, span: u64, flags: &str) -> Vec<u8> {
    let mut digits = [0; SHORT];
    hexadecimal(&mut digits, [span]);
    let mut whole = Vec::with_capacity(PARENT);
    for part in [b"00-", trace.as_bytes(), b"-", &digits, b"-", flags.as_bytes()] {
        whole.extend_from_slice(part);
    }
    whole
}

/// Numbers as digits, sixteen each.
fn hexadecimal<const N: usize>(digits: &mut [u8], numbers: [u64; N]) {
    for (digits, number) in digits.chunks_exact_mut(SHORT).zip(numbers) {
        let mut rest = number;
        for digit in digits.iter_mut().rev() {
            *digit = b"0123456789abcdef".get((rest & 15) as usize).copied().unwrap_or_default();
            rest >>= 4;
        }
    }
}

fn text(digits: &[u8]) -> &str {
    std::str::from_utf8(digits).unwrap_or_default()
}

fn value(text: Vec<u8>) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// A value that does not come again. HTTP/2 remembers fields to send them shorter; this one would only drive out those
/// that do come again, and what says so is the mark for values that are not to be remembered (RFC 7541, section 7.1.3).
fn new_each_time(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

thread_local! {
    static LAST: RefCell<Option<(IpAddr, HeaderValue)>> = const { RefCell::new(None) };
}

/// An address as text. Requests of one client come one after another, so that it is rarely written anew.
fn address(of: IpAddr) -> HeaderValue {
    LAST.with_borrow_mut(|last| match last {
        Some((known, text)) if *known == of => text.clone(),
        _ => {
            let text = HeaderValue::from_str(&of.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""));
            last.insert((of, text)).1.clone()
        }
    })
}

/// A header that was sent exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
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
    use super::{acceptable, hexadecimal, parse_traceparent, text, traceparent};

    #[test]
    fn ids_are_written_in_full_length() {
        let mut digits = [0; 32];
        hexadecimal(&mut digits, [0x0123_4567_89ab_cdef, 7]);
        assert_eq!(text(&digits), "0123456789abcdef0000000000000007");
        let made = traceparent("4bf92f3577b34da6a3ce929d0e0e4736", 0x00f0_67aa_0ba9_02b7, "01");
        assert_eq!(text(&made), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        assert!(parse_traceparent(text(&made)).is_some());
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
