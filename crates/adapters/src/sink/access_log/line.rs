//! One line of the access log. The names and the order of the fields are a promise: tools read them.
//!
//! Written by hand: a line has more names than values, and none of them needs to be looked at letter by letter.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use sluicegate_core::{Operation, Protocol, Record, Usage};

/// RFC 3339, in UTC, to the millisecond.
const TIME: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// Appends the line of `record`, its end included. `false`: it has no text form, and nothing was appended.
pub(super) fn append(record: &Record, buffer: &mut Vec<u8>) -> bool {
    let before = buffer.len();
    let whole = begin(record, buffer).is_some();
    if whole {
        end(record, buffer);
    } else {
        buffer.truncate(before);
    }
    whole
}

/// What is known when a request begins.
fn begin(record: &Record, buffer: &mut Vec<u8>) -> Option<()> {
    buffer.extend_from_slice(b"{\"time\":\"");
    TIME.print_timestamp(&Timestamp::try_from(record.arrived).ok()?, &mut *buffer).ok()?;
    buffer.push(b'"');
    string(buffer, ",\"request_id\":", &record.request_id);
    string(buffer, ",\"trace_id\":", &record.trace_id);
    string(buffer, ",\"listener\":", &record.listener);
    peer(buffer, record.peer)?;
    string(buffer, ",\"principal\":", &record.principal);
    string(buffer, ",\"method\":", &record.method);
    Some(())
}

/// What became of it.
fn end(record: &Record, buffer: &mut Vec<u8>) {
    optional(buffer, ",\"protocol\":", record.protocol.map(Protocol::as_str));
    optional(buffer, ",\"operation\":", record.operation.map(Operation::as_str));
    optional(buffer, ",\"model\":", record.model.as_deref());
    optional(buffer, ",\"version\":", record.version.as_deref());
    optional(buffer, ",\"backend\":", record.backend.as_deref());
    optional(buffer, ",\"endpoint\":", record.endpoint.as_deref());
    number(buffer, ",\"tries\":", record.tries);
    number(buffer, ",\"status\":", record.status);
    string(buffer, ",\"outcome\":", record.outcome.label());
    optional(buffer, ",\"cause\":", record.cause.as_deref());
    milliseconds(buffer, ",\"total_ms\":", record.total);
    milliseconds(buffer, ",\"upstream_ms\":", record.upstream);
    number(buffer, ",\"received\":", record.traffic.received);
    number(buffer, ",\"sent\":", record.traffic.sent);
    tokens(buffer, record.usage);
    string(buffer, ",\"generation\":", &record.generation);
    buffer.extend_from_slice(b"}\n");
}

fn tokens(buffer: &mut Vec<u8>, usage: Option<Usage>) {
    let Some(Usage { input, output, total, cached, reasoning }) = usage else {
        buffer.extend_from_slice(b",\"usage\":null");
        return;
    };
    let fields = [
        (",\"usage\":{\"input\":", input),
        (",\"output\":", output),
        (",\"total\":", total),
        (",\"cached\":", cached),
        (",\"reasoning\":", reasoning),
    ];
    for (name, count) in fields {
        match count {
            Some(count) => number(buffer, name, count),
            None => null(buffer, name),
        }
    }
    buffer.push(b'}');
}

fn optional(buffer: &mut Vec<u8>, name: &str, value: Option<&str>) {
    match value {
        Some(value) => string(buffer, name, value),
        None => null(buffer, name),
    }
}

fn null(buffer: &mut Vec<u8>, name: &str) {
    buffer.extend_from_slice(name.as_bytes());
    buffer.extend_from_slice(b"null");
}

/// An address needs no escaping.
fn peer(buffer: &mut Vec<u8>, peer: SocketAddr) -> Option<()> {
    let SocketAddr::V4(v4) = peer else { return write!(buffer, ",\"peer\":\"{peer}\"").ok() };
    buffer.extend_from_slice(b",\"peer\":\"");
    for (part, behind) in v4.ip().octets().into_iter().zip([b'.', b'.', b'.', b':']) {
        buffer.extend_from_slice(itoa::Buffer::new().format(part).as_bytes());
        buffer.push(behind);
    }
    buffer.extend_from_slice(itoa::Buffer::new().format(v4.port()).as_bytes());
    buffer.push(b'"');
    Some(())
}

fn number(buffer: &mut Vec<u8>, name: &str, value: impl itoa::Integer) {
    buffer.extend_from_slice(name.as_bytes());
    buffer.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// To the microsecond, without zeros at the end but one behind the point.
fn milliseconds(buffer: &mut Vec<u8>, name: &str, duration: Duration) {
    let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    number(buffer, name, microseconds / 1000);
    buffer.push(b'.');
    let mut rest = microseconds % 1000;
    let mut place = 100;
    loop {
        buffer.extend_from_slice(itoa::Buffer::new().format(rest / place).as_bytes());
        rest %= place;
        if rest == 0 {
            return;
        }
        place /= 10;
    }
}

/// A string as RFC 8259 writes it.
fn string(buffer: &mut Vec<u8>, name: &str, value: &str) {
    buffer.extend_from_slice(name.as_bytes());
    buffer.push(b'"');
    let mut rest = value.as_bytes();
    // Nearly always so, and looked at many bytes at a time.
    if !rest.iter().fold(false, |special, byte| special | is_special(*byte)) {
        buffer.extend_from_slice(rest);
        buffer.push(b'"');
        return;
    }
    while let Some(at) = rest.iter().position(|byte| is_special(*byte)) {
        let (plain, special) = rest.split_at(at);
        buffer.extend_from_slice(plain);
        let Some((special, behind)) = special.split_first() else { break };
        escape(buffer, *special);
        rest = behind;
    }
    buffer.extend_from_slice(rest);
    buffer.push(b'"');
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
