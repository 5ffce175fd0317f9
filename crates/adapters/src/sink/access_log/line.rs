//! One line of the access log. The names and the order of the fields are a promise: tools read them.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::{Serialize, Serializer};
use sluicegate_core::{Operation, Protocol, Record, Usage};

/// As it is written.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(serialize_with = "stamp")]
    time: SystemTime,
    request_id: &'a str,
    trace_id: &'a str,
    listener: &'a str,
    peer: SocketAddr,
    principal: &'a str,
    method: &'a str,
    protocol: Option<&'static str>,
    operation: Option<&'static str>,
    model: Option<&'a str>,
    version: Option<&'a str>,
    backend: Option<&'a str>,
    endpoint: Option<&'a str>,
    status: u16,
    outcome: &'static str,
    cause: Option<&'a str>,
    #[serde(serialize_with = "milliseconds")]
    total_ms: Duration,
    #[serde(serialize_with = "milliseconds")]
    upstream_ms: Duration,
    received: u64,
    sent: u64,
    usage: Option<Tokens>,
    generation: &'a str,
}

/// Tokens, as far as they are known.
#[derive(Serialize)]
struct Tokens {
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    cached: Option<u64>,
    reasoning: Option<u64>,
}

/// Appends the line of `record`, its end included. `false`: it has no text form, and nothing was appended.
pub(super) fn append(record: &Record, buffer: &mut Vec<u8>) -> bool {
    let line = Line {
        time: record.arrived,
        request_id: &record.request_id,
        trace_id: &record.trace_id,
        listener: &record.listener,
        peer: record.peer,
        principal: &record.principal,
        method: &record.method,
        protocol: record.protocol.map(Protocol::as_str),
        operation: record.operation.map(Operation::as_str),
        model: record.model.as_deref(),
        version: record.version.as_deref(),
        backend: record.backend.as_deref(),
        endpoint: record.endpoint.as_deref(),
        status: record.status,
        outcome: record.outcome.label(),
        cause: record.cause.as_deref(),
        total_ms: record.total,
        upstream_ms: record.upstream,
        received: record.traffic.received,
        sent: record.traffic.sent,
        usage: record.usage.map(Tokens::from),
        generation: &record.generation,
    };
    let before = buffer.len();
    if serde_json::to_writer(&mut *buffer, &line).is_err() {
        buffer.truncate(before);
        return false;
    }
    buffer.push(b'\n');
    true
}

impl From<Usage> for Tokens {
    fn from(Usage { input, output, total, cached, reasoning }: Usage) -> Self {
        Self { input, output, total, cached, reasoning }
    }
}

/// RFC 3339, in UTC, to the millisecond.
fn stamp<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
    let timestamp = Timestamp::try_from(*time).map_err(serde::ser::Error::custom)?;
    serializer.serialize_str(&PRINTER.timestamp_to_string(&timestamp))
}

/// To the microsecond.
fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_micros() as f64 / 1000.0)
}
