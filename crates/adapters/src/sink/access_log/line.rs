//! One line of the access log. The names and the order of the fields are a promise: tools read them.
//!
//! Written by hand: a line is made for every request, and a general serializer costs several times as much.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use sluicegate_core::{Operation, Protocol, Record, Usage};

/// Appends the line of `record`, its end included. `false`: it has no text form, and nothing was appended.
pub(super) fn append(record: &Record, buffer: &mut Vec<u8>) -> bool {
    let before = buffer.len();
    let mut line = Line { buffer };
    if !line.time(record.arrived) {
        buffer.truncate(before);
        return false;
    }
    line.text("request_id", &record.request_id);
    line.text("trace_id", &record.trace_id);
    line.text("listener", &record.listener);
    line.peer(record.peer);
    line.text("principal", &record.principal);
    line.text("method", &record.method);
    line.word("protocol", record.protocol.map(Protocol::as_str));
    line.word("operation", record.operation.map(Operation::as_str));
    line.optional("model", record.model.as_deref());
    line.optional("version", record.version.as_deref());
    line.optional("backend", record.backend.as_deref());
    line.optional("endpoint", record.endpoint.as_deref());
    line.number("status", u64::from(record.status));
    line.word("outcome", Some(record.outcome.label()));
    line.optional("cause", record.cause.as_deref());
    line.milliseconds("total_ms", record.total);
    line.milliseconds("upstream_ms", record.upstream);
    line.number("received", record.traffic.received);
    line.number("sent", record.traffic.sent);
    line.usage(record.usage);
    line.text("generation", &record.generation);
    buffer.extend_from_slice(b"}\n");
    true
}

/// A JSON object as it grows.
struct Line<'a> {
    buffer: &'a mut Vec<u8>,
}

impl Line<'_> {
    /// Names are ours: nothing in them needs escaping.
    fn name(&mut self, name: &str) {
        self.buffer.extend_from_slice(b",\"");
        self.buffer.extend_from_slice(name.as_bytes());
        self.buffer.extend_from_slice(b"\":");
    }

    fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
            self.buffer.push(b'"');
            self.buffer.extend_from_slice(text.as_bytes());
            self.buffer.push(b'"');
        } else if serde_json::to_writer(&mut *self.buffer, text).is_err() {
            // Memory takes everything.
            self.buffer.extend_from_slice(b"null");
        }
    }

    /// A text of our own.
    fn word(&mut self, name: &str, word: Option<&'static str>) {
        self.name(name);
        match word {
            None => self.buffer.extend_from_slice(b"null"),
            Some(word) => {
                self.buffer.push(b'"');
                self.buffer.extend_from_slice(word.as_bytes());
                self.buffer.push(b'"');
            }
        }
    }

    fn optional(&mut self, name: &str, text: Option<&str>) {
        match text {
            Some(text) => self.text(name, text),
            None => self.word(name, None),
        }
    }

    fn number(&mut self, name: &str, number: u64) {
        self.name(name);
        self.buffer.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    fn peer(&mut self, peer: SocketAddr) {
        self.name("peer");
        self.buffer.push(b'"');
        match peer {
            SocketAddr::V4(peer) => {
                for (place, part) in peer.ip().octets().into_iter().enumerate() {
                    if place > 0 {
                        self.buffer.push(b'.');
                    }
                    self.buffer.extend_from_slice(itoa::Buffer::new().format(part).as_bytes());
                }
                self.buffer.push(b':');
                self.buffer.extend_from_slice(itoa::Buffer::new().format(peer.port()).as_bytes());
            }
            SocketAddr::V6(peer) => self.buffer.extend_from_slice(peer.to_string().as_bytes()),
        }
        self.buffer.push(b'"');
    }

    /// To the microsecond.
    fn milliseconds(&mut self, name: &str, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.number(name, micros / 1000);
        self.buffer.push(b'.');
        let (mut rest, mut place) = (micros % 1000, 100);
        loop {
            self.buffer.extend_from_slice(itoa::Buffer::new().format(rest / place).as_bytes());
            (rest, place) = (rest % place, place / 10);
            if rest == 0 {
                break;
            }
        }
    }

    /// Tokens, as far as they are known.
    fn usage(&mut self, usage: Option<Usage>) {
        let Some(Usage { input, output, total, cached, reasoning }) = usage else {
            return self.word("usage", None);
        };
        self.name("usage");
        let first = self.buffer.len();
        let tokens =
            [("input", input), ("output", output), ("total", total), ("cached", cached), ("reasoning", reasoning)];
        for (name, count) in tokens {
            match count {
                Some(count) => self.number(name, count),
                None => self.word(name, None),
            }
        }
        if let Some(comma) = self.buffer.get_mut(first) {
            *comma = b'{';
        }
        self.buffer.push(b'}');
    }

    /// RFC 3339, in UTC, to the millisecond. `false`: there is no such time.
    fn time(&mut self, time: SystemTime) -> bool {
        let Ok(since) = time.duration_since(UNIX_EPOCH) else { return false };
        self.buffer.extend_from_slice(b"{\"time\":\"");
        let written = SECOND.with_borrow_mut(|second| {
            if second.number != Some(since.as_secs()) {
                let Ok(timestamp) = Timestamp::from_second(i64::try_from(since.as_secs()).unwrap_or(i64::MAX)) else {
                    return false;
                };
                let text = DateTimePrinter::new().precision(Some(0)).timestamp_to_string(&timestamp);
                *second = Second { number: Some(since.as_secs()), text: text.trim_end_matches('Z').to_owned() };
            }
            self.buffer.extend_from_slice(second.text.as_bytes());
            true
        });
        let millis = since.subsec_millis();
        self.buffer.push(b'.');
        for digit in [millis / 100, millis / 10 % 10, millis % 10] {
            self.buffer.extend_from_slice(itoa::Buffer::new().format(digit).as_bytes());
        }
        self.buffer.extend_from_slice(b"Z\"");
        written
    }
}

/// The second that was written last: most lines are of the same one.
#[derive(Default)]
struct Second {
    number: Option<u64>,
    text: String,
}

thread_local! {
    static SECOND: RefCell<Second> = RefCell::default();
}
