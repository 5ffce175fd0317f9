//! The ids of a request: `x-request-id`, and the trace context of W3C Trace Context, level 1; and what the next hop is told
//! of where it comes from. What the client says of that itself is not handed on.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};

use sluicegate_core::fields::{FieldValue, Value};
use sluicegate_core::{Dice, Fields, RequestHead};

pub(super) const REQUEST_ID: &str = "x-request-id";
const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";
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
    pub(super) request: Box<str>,
    pub(super) trace: Box<str>,
    traceparent: [u8; PARENT],
    tracestate: Option<Box<str>>,
    client: IpAddr,
    secure: bool,
}

impl Ids {
    /// Takes what the client sent where it is well formed; makes the rest.
    pub(super) fn read_or_make(head: &RequestHead, peer: SocketAddr, dice: &dyn Dice) -> Self {
        let headers = &head.headers;
        let sent = headers.only(REQUEST_ID).and_then(Value::as_str);
        let request = match sent.filter(|id| acceptable(id)) {
            Some(id) => Box::from(id),
            None => {
                let mut digits = [0; LONG];
                hexadecimal(&mut digits, [dice.roll(), dice.roll()]);
                text(&digits).into()
            }
        };
        let parent = headers.only(TRACEPARENT).and_then(Value::as_str).and_then(parse_traceparent);
        let tracestate = parent.and_then(|_| headers.only(TRACESTATE)).filter(|state| state.len() <= MAX_TRACESTATE);
        let mut made = [0; LONG];
        let (trace, flags) = match parent {
            Some((trace, flags)) => (trace, flags),
            None => {
                hexadecimal(&mut made, [dice.roll(), dice.roll() | 1]);
                (text(&made), "00")
            }
        };
        Self {
            request,
            trace: trace.into(),
            traceparent: traceparent(trace, dice.roll() | 1, flags),
            tracestate: tracestate.and_then(Value::as_str).map(Box::from),
            client: peer.ip().to_canonical(),
            secure: head.secure,
        }
    }

    /// The fields that say so to the next hop.
    pub(crate) fn headers(&self) -> Fields {
        // Room also for the fields of the client that join them, so that it need not grow.
        let mut headers = Fields::with_capacity(16, 256);
        headers.append(REQUEST_ID, value(&self.request));
        headers.append(TRACEPARENT, Printed(&self.traceparent));
        if let Some(state) = &self.tracestate {
            headers.append(TRACESTATE, value(state));
        }
        with_client((self.client, self.secure), |told| headers.replace_by(told));
        headers
    }
}

/// `00-trace-span-flags`.
fn traceparent(trace: &str, span: u64, flags: &str) -> [u8; PARENT] {
    let mut digits = [0; SHORT];
    hexadecimal(&mut digits, [span]);
    let mut whole = [b'-'; PARENT];
    let parts = [(0, &b"00"[..]), (3, trace.as_bytes()), (4 + LONG, &digits), (5 + LONG + SHORT, flags.as_bytes())];
    for (at, part) in parts {
        if let Some(place) = whole.get_mut(at..at + part.len()) {
            place.copy_from_slice(part);
        }
    }
    whole
}

/// A byte's two digits.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses what is out of bounds")]
const PAIRS: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    pairs
};

/// Numbers as digits, sixteen each.
fn hexadecimal<const N: usize>(digits: &mut [u8], numbers: [u64; N]) {
    for (digits, number) in digits.chunks_exact_mut(SHORT).zip(numbers) {
        for (pair, byte) in digits.as_chunks_mut().0.iter_mut().zip(number.to_be_bytes()) {
            *pair = PAIRS.get(usize::from(byte)).copied().unwrap_or_default();
        }
    }
}

fn text(digits: &[u8]) -> &str {
    std::str::from_utf8(digits).unwrap_or_default()
}

/// Text of ours, or of a client's that was looked at: printable ASCII.
pub(super) struct Printed<'a>(&'a [u8]);

impl FieldValue for Printed<'_> {
    fn value(&self) -> &[u8] {
        self.0
    }
}

/// An id as a field's value.
pub(super) const fn value(text: &str) -> Printed<'_> {
    Printed(text.as_bytes())
}

/// A client: its address, and whether its own connection is encrypted.
type Client = (IpAddr, bool);

thread_local! {
    static LAST: RefCell<Option<(Client, Fields)>> = const { RefCell::new(None) };
}

/// Hands on what the next hop is told of a client. Requests of one client come one after another, so that it is rarely written
/// anew.
fn with_client(of: Client, take: impl FnOnce(&Fields)) {
    LAST.with_borrow_mut(|last| match last {
        Some((known, told)) if *known == of => take(told),
        _ => take(&last.insert((of, told(of))).1),
    });
}

fn told((address, secure): Client) -> Fields {
    let mut told = Fields::new();
    told.append(FORWARDED_FOR, value(&address.to_string()));
    told.append(FORWARDED_PROTO, value(if secure { "https" } else { "http" }));
    told
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
