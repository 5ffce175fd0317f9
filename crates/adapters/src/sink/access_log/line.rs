//! One line of the access log. The names and the order of the fields are a promise: tools read them.
//!
//! Written by hand: a line has more names than values, and none of them needs to be looked at letter by letter.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Method;
use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use sluicegate_core::{Identity, Operation, Outcome, Protocol, Record, Served, Usage};

use crate::recent::{self, Recent, same};

/// RFC 3339, in UTC, to the millisecond.
const TIME: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// The same to the second, with a `Z` at its end.
const SECOND: DateTimePrinter = DateTimePrinter::new().precision(Some(0));

/// Room for a usual line.
const USUAL: usize = 1024;

/// Writes one line after another.
#[derive(Default)]
pub(super) struct Scribe {
    line: Vec<u8>,
    /// The second that was written last, and its text without the `Z`. Requests come many a second.
    second: Option<(u64, Vec<u8>)>,
    /// The parts that are the same for all requests that end the same way at the same endpoint. They are most of a line.
    parts: Recent<Names, Parts>,
}

/// What the parts are made of.
struct Names {
    listener: Arc<str>,
    identity: Identity,
    method: Method,
    protocol: Option<Protocol>,
    operation: Option<Operation>,
    model: Option<Arc<str>>,
    served: Option<Arc<Served>>,
    endpoint: Option<Arc<str>>,
    tries: u32,
    status: u16,
    outcome: Outcome,
    generation: Arc<str>,
}

/// Parts of a line without a cause, of what no rule refuses.
struct Parts {
    /// The listener.
    listener: Vec<u8>,
    /// From the principal to what would have become of it.
    middle: Vec<u8>,
    /// Behind the usage.
    end: Vec<u8>,
}

impl Scribe {
    /// The line of `record`, its end included; `None`: it has no text form.
    pub(super) fn write(&mut self, record: &Record) -> Option<&[u8]> {
        self.line.clear();
        self.line.reserve(USUAL);
        self.line.extend_from_slice(b"{\"time\":\"");
        self.time(record.arrived)?;
        ids(record, &mut self.line);
        if record.cause.is_some() || record.would_refuse.is_some() {
            listener(record, &mut self.line);
            peer(record.peer, &mut self.line)?;
            middle(record, &mut self.line);
            measured(record, &mut self.line);
            end(record, &mut self.line);
            return Some(&self.line);
        }
        let parts = self.parts.of(record, || Some(Parts::of(record)))?;
        self.line.extend_from_slice(&parts.listener);
        peer(record.peer, &mut self.line)?;
        self.line.extend_from_slice(&parts.middle);
        measured(record, &mut self.line);
        self.line.extend_from_slice(&parts.end);
        Some(&self.line)
    }

    fn time(&mut self, time: SystemTime) -> Option<()> {
        let Ok(since) = time.duration_since(UNIX_EPOCH) else {
            return TIME.print_timestamp(&Timestamp::try_from(time).ok()?, &mut self.line).ok();
        };
        let second = match &mut self.second {
            Some((known, text)) if *known == since.as_secs() => text,
            other => {
                let (second, mut text) = (since.as_secs(), Vec::new());
                let whole = Timestamp::from_second(i64::try_from(second).ok()?).ok()?;
                SECOND.print_timestamp(&whole, &mut text).ok()?;
                text.pop();
                &mut other.insert((second, text)).1
            }
        };
        self.line.extend_from_slice(second);
        self.line.push(b'.');
        self.line.extend_from_slice(&digits(since.subsec_millis()));
        self.line.push(b'Z');
        Some(())
    }
}

impl Parts {
    fn of(record: &Record) -> Self {
        let mut parts = Self { listener: Vec::new(), middle: Vec::new(), end: Vec::new() };
        listener(record, &mut parts.listener);
        middle(record, &mut parts.middle);
        end(record, &mut parts.end);
        parts
    }
}

impl recent::Names for Names {
    fn of(record: &Record) -> Self {
        Self {
            listener: Arc::clone(&record.listener),
            identity: record.identity.clone(),
            method: record.method.clone(),
            protocol: record.protocol,
            operation: record.operation,
            model: record.model.clone(),
            served: record.served.clone(),
            endpoint: record.endpoint.clone(),
            tries: record.tries,
            status: record.status,
            outcome: record.outcome,
            generation: Arc::clone(&record.generation),
        }
    }

    fn fit(&self, record: &Record) -> bool {
        same(&self.endpoint, &record.endpoint)
            && same(&self.served, &record.served)
            && same(&self.model, &record.model)
            && (self.protocol, self.operation, self.outcome) == (record.protocol, record.operation, record.outcome)
            && (self.tries, self.status) == (record.tries, record.status)
            && Arc::ptr_eq(&self.listener, &record.listener)
            && self.identity == record.identity
            && self.method == record.method
            && Arc::ptr_eq(&self.generation, &record.generation)
    }
}

/// What is the request's own, behind its time.
fn ids(record: &Record, buffer: &mut Vec<u8>) {
    buffer.push(b'"');
    string(buffer, b",\"request_id\":\"", &record.request_id);
    string(buffer, b",\"trace_id\":\"", &record.trace_id);
}

fn listener(record: &Record, buffer: &mut Vec<u8>) {
    string(buffer, b",\"listener\":\"", &record.listener);
}

/// Who asked for what, and what became of it.
fn middle(record: &Record, buffer: &mut Vec<u8>) {
    string(buffer, b",\"principal\":\"", record.identity.id());
    optional(buffer, b",\"tenant\":", record.identity.tenant().map(|name| &**name));
    string(buffer, b",\"method\":\"", record.method.as_str());
    word(buffer, b",\"protocol\":", record.protocol.map(Protocol::as_str));
    word(buffer, b",\"operation\":", record.operation.map(Operation::as_str));
    optional(buffer, b",\"model\":", record.model.as_deref());
    optional(buffer, b",\"version\":", record.version().map(|name| &**name));
    optional(buffer, b",\"backend\":", record.backend().map(|name| &**name));
    optional(buffer, b",\"endpoint\":", record.endpoint.as_deref());
    number(buffer, b",\"tries\":", record.tries);
    number(buffer, b",\"status\":", record.status);
    word(buffer, b",\"outcome\":", Some(record.outcome.label()));
    optional(buffer, b",\"cause\":", record.cause.as_deref());
    word(buffer, b",\"would_refuse\":", record.would_refuse.map(|kind| kind.facts().label));
}

/// What was measured of it.
fn measured(record: &Record, buffer: &mut Vec<u8>) {
    milliseconds(buffer, b",\"total_ms\":", record.total);
    milliseconds(buffer, b",\"upstream_ms\":", record.upstream);
    number(buffer, b",\"received\":", record.traffic.received);
    number(buffer, b",\"sent\":", record.traffic.sent);
    tokens(buffer, record.usage);
}

fn end(record: &Record, buffer: &mut Vec<u8>) {
    string(buffer, b",\"generation\":\"", &record.generation);
    buffer.extend_from_slice(b"}\n");
}

fn tokens(buffer: &mut Vec<u8>, usage: Option<Usage>) {
    let Some(Usage { input, output, total, cached, reasoning }) = usage else {
        buffer.extend_from_slice(b",\"usage\":null");
        return;
    };
    count(buffer, b",\"usage\":{\"input\":", input);
    count(buffer, b",\"output\":", output);
    count(buffer, b",\"total\":", total);
    count(buffer, b",\"cached\":", cached);
    count(buffer, b",\"reasoning\":", reasoning);
    buffer.push(b'}');
}

fn count<const N: usize>(buffer: &mut Vec<u8>, name: &[u8; N], count: Option<u64>) {
    match count {
        Some(count) => number(buffer, name, count),
        None => null(buffer, name),
    }
}

/// One of the gateway's own words, in which nothing needs escaping.
fn word<const N: usize>(buffer: &mut Vec<u8>, name: &[u8; N], value: Option<&str>) {
    let Some(value) = value else { return null(buffer, name) };
    buffer.extend_from_slice(name);
    buffer.push(b'"');
    buffer.extend_from_slice(value.as_bytes());
    buffer.push(b'"');
}

fn optional<const N: usize>(buffer: &mut Vec<u8>, name: &[u8; N], value: Option<&str>) {
    let Some(value) = value else { return null(buffer, name) };
    buffer.extend_from_slice(name);
    string(buffer, b"\"", value);
}

fn null(buffer: &mut Vec<u8>, name: &[u8]) {
    buffer.extend_from_slice(name);
    buffer.extend_from_slice(b"null");
}

/// An address needs no escaping.
fn peer(peer: SocketAddr, buffer: &mut Vec<u8>) -> Option<()> {
    let SocketAddr::V4(v4) = peer else { return write!(buffer, ",\"peer\":\"{peer}\"").ok() };
    buffer.extend_from_slice(b",\"peer\":\"");
    for (part, behind) in v4.ip().octets().into_iter().zip([b'.', b'.', b'.', b':']) {
        if part >= 100 {
            buffer.push(b'0' + part / 100);
        }
        if part >= 10 {
            buffer.push(b'0' + part / 10 % 10);
        }
        buffer.extend_from_slice(&[b'0' + part % 10, behind]);
    }
    buffer.extend_from_slice(itoa::Buffer::new().format(v4.port()).as_bytes());
    buffer.push(b'"');
    Some(())
}

fn number<const N: usize>(buffer: &mut Vec<u8>, name: &[u8; N], value: impl itoa::Integer) {
    buffer.extend_from_slice(name);
    buffer.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// To the microsecond, without zeros at the end but one behind the point.
fn milliseconds<const N: usize>(buffer: &mut Vec<u8>, name: &[u8; N], duration: Duration) {
    let whole = duration.as_secs().saturating_mul(1000).saturating_add(duration.subsec_millis().into());
    number(buffer, name, whole);
    buffer.push(b'.');
    let [first, second, third] = digits(duration.subsec_micros() % 1000);
    buffer.push(first);
    if (second, third) != (b'0', b'0') {
        buffer.push(second);
    }
    if third != b'0' {
        buffer.push(third);
    }
}

/// A number below a thousand.
fn digits(number: u32) -> [u8; 3] {
    let digit = |digits: u32| b'0' + (digits % 10) as u8;
    [digit(number / 100), digit(number / 10), digit(number)]
}

/// A string as RFC 8259 writes it, behind its name and its first quotation mark.
fn string<const N: usize>(buffer: &mut Vec<u8>, name: &[u8; N], value: &str) {
    buffer.extend_from_slice(name);
    let value = value.as_bytes();
    // Nearly always so, and looked at many bytes at a time.
    if value.iter().fold(false, |special, byte| special | is_special(*byte)) {
        escaped(buffer, value);
    } else {
        buffer.extend_from_slice(value);
    }
    buffer.push(b'"');
}

fn escaped(buffer: &mut Vec<u8>, mut rest: &[u8]) {
    while let Some(at) = rest.iter().position(|byte| is_special(*byte)) {
        let (plain, special) = rest.split_at(at);
        buffer.extend_from_slice(plain);
        let Some((special, behind)) = special.split_first() else { break };
        escape(buffer, *special);
        rest = behind;
    }
    buffer.extend_from_slice(rest);
}

const fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn escape(buffer: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
            buffer.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            return;
        }
    };
    buffer.extend_from_slice(&[b'\\', short]);
}
