//! The line to the letter, and what happens when the target is slow, stuck or broken.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, UNIX_EPOCH};

use http::Method;
use parking_lot::Mutex;
use sluicegate_core::{Identity, Kind, Operation, Outcome, Protocol, Record, RecordSink, Served, Traffic, Usage};

use super::AccessLog;
use super::line::Scribe;

/// Longer than any test takes; nothing is decided by it when the code is right.
const LONG: Duration = Duration::from_secs(30);

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Memory {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }
}

/// Says that it was called, then waits until it may go on.
struct Gate {
    memory: Memory,
    called: Sender<()>,
    open: Receiver<()>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.called.send(()).map_err(io::Error::other)?;
        // An end of the channel is leave to go on.
        let _ = self.open.recv();
        self.memory.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Broken;

impl Write for Broken {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("disk full"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn served(version: &str, backend: &str) -> Option<Arc<Served>> {
    Some(Arc::new(Served { version: Arc::from(version), backend: Arc::from(backend) }))
}

fn record() -> Record {
    Record {
        request_id: Box::from("r-1"),
        trace_id: Box::from("4bf92f3577b34da6a3ce929d0e0e4736"),
        listener: Arc::from("main"),
        peer: "127.0.0.1:51000".parse().unwrap(),
        identity: Identity::Anonymous,
        method: Method::POST,
        protocol: Some(Protocol::OipRest),
        operation: Some(Operation::Infer),
        model: Some(Arc::from("iris")),
        served: served("1", "mlserver"),
        endpoint: Some(Arc::from("10.0.0.9:8080")),
        tries: 1,
        status: 200,
        outcome: Outcome::Answered,
        cause: None,
        would_refuse: None,
        arrived: UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789),
        total: Duration::from_micros(2345),
        upstream: Duration::from_micros(2000),
        traffic: Traffic { received: 120, sent: 80 },
        usage: None,
        generation: Arc::from("abc123"),
    }
}

#[test]
fn a_line_to_the_letter() {
    let memory = Memory::default();
    let log = AccessLog::start(Box::new(memory.clone())).unwrap();
    log.left(&record());
    assert!(log.flush(LONG));
    assert_eq!(
        memory.text(),
        concat!(
            r#"{"time":"2023-11-14T22:13:20.123Z","request_id":"r-1","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","#,
            r#""listener":"main","peer":"127.0.0.1:51000","principal":"anonymous","tenant":null,"method":"POST","protocol":"oip-rest","#,
            r#""operation":"infer","model":"iris","version":"1","backend":"mlserver","endpoint":"10.0.0.9:8080","tries":1,"#,
            r#""status":200,"outcome":"ok","cause":null,"would_refuse":null,"total_ms":2.345,"upstream_ms":2.0,"received":120,"sent":80,"#,
            r#""usage":null,"generation":"abc123"}"#,
            "\n"
        )
    );
}

#[test]
fn what_rules_would_refuse_is_told_of_that_request_alone() {
    let memory = Memory::default();
    let log = AccessLog::start(Box::new(memory.clone())).unwrap();
    for would_refuse in [None, Some(Kind::Forbidden), None] {
        log.left(&Record { would_refuse, ..record() });
    }
    assert!(log.flush(LONG));
    let told: Vec<serde_json::Value> = memory.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = told.iter().map(|line| line["would_refuse"].as_str()).collect();
    assert_eq!(told, [None, Some("forbidden"), None]);
}

#[test]
fn tokens_are_told_as_far_as_they_are_known() {
    let memory = Memory::default();
    let log = AccessLog::start(Box::new(memory.clone())).unwrap();
    let usage = Usage { input: Some(12), output: Some(u64::MAX), cached: Some(0), ..Usage::default() };
    log.left(&Record { usage: Some(usage), ..record() });
    assert!(log.flush(LONG));
    let told = r#""usage":{"input":12,"output":18446744073709551615,"total":null,"cached":0,"reasoning":null},"#;
    assert!(memory.text().contains(told), "{}", memory.text());
}

#[test]
fn what_an_attacker_sends_stays_inside_its_string() {
    let memory = Memory::default();
    let log = AccessLog::start(Box::new(memory.clone())).unwrap();
    let evil = "a\"b\\c\n{\"status\":200}\r\t\u{1b}[31m\u{0}";
    let record = Record {
        request_id: Box::from(evil),
        outcome: Outcome::Refused(Kind::BadRequest),
        status: 400,
        cause: Some(evil.to_owned()),
        protocol: None,
        operation: None,
        model: None,
        served: None,
        endpoint: None,
        tries: 1,
        ..record()
    };
    log.left(&record);
    drop(log);
    let text = memory.text();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.trim_end().chars().all(|letter| !letter.is_control()), "{text}");
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["request_id"], evil);
    assert_eq!(value["cause"], evil);
    assert_eq!(value["outcome"], "bad_request");
    assert_eq!(value["model"], serde_json::Value::Null);
}

#[test]
fn every_letter_is_read_back_and_written_as_others_write_it() {
    let all: String = (0..=0x2ff).filter_map(char::from_u32).chain(['\u{2028}', '\u{1f980}']).collect();
    let memory = Memory::default();
    let log = AccessLog::start(Box::new(memory.clone())).unwrap();
    log.left(&Record { cause: Some(all.clone()), ..record() });
    assert!(log.flush(LONG));
    let expected = format!("\"cause\":{},", serde_json::to_string(&all).unwrap());
    assert!(memory.text().contains(&expected), "{}", memory.text());
}

#[test]
fn times_are_told_to_the_microsecond() {
    for (microseconds, expected) in [
        (0, "0.0"),
        (1, "0.001"),
        (10, "0.01"),
        (999, "0.999"),
        (1_000, "1.0"),
        (1_050, "1.05"),
        (3_600_000_000, "3600000.0"),
    ] {
        let memory = Memory::default();
        let log = AccessLog::start(Box::new(memory.clone())).unwrap();
        log.left(&Record { total: Duration::from_micros(microseconds), ..record() });
        assert!(log.flush(LONG));
        let expected = format!("\"total_ms\":{expected},");
        assert!(memory.text().contains(&expected), "{} has no {expected}", memory.text());
    }
}

#[test]
fn lines_beyond_the_queue_are_dropped_and_counted_and_nobody_waits() {
    let memory = Memory::default();
    let (called, calls) = channel();
    let (open, opened) = channel();
    let gate = Gate { memory: memory.clone(), called, open: opened };
    let log = AccessLog::with_queue(Box::new(gate), 4).unwrap();
    log.left(&record());
    // The writer now holds the first line and is stuck with it.
    calls.recv_timeout(LONG).unwrap();
    for _ in 0..10 {
        log.left(&record());
    }
    assert_eq!(log.dropped().load(Ordering::Relaxed), 6);
    drop(open);
    drop(log);
    assert_eq!(memory.text().lines().count(), 5);
}

#[test]
fn lines_that_cannot_be_written_are_counted() {
    let log = AccessLog::start(Box::new(Broken)).unwrap();
    for _ in 0..3 {
        log.left(&record());
    }
    assert!(log.flush(LONG));
    assert_eq!(log.dropped().load(Ordering::Relaxed), 3);
}

#[test]
fn dropping_the_log_writes_what_is_queued_in_order() {
    let memory = Memory::default();
    let log = AccessLog::start(Box::new(memory.clone())).unwrap();
    for number in 0..1000 {
        log.left(&Record { request_id: Box::from(number.to_string()), ..record() });
    }
    drop(log);
    let ids: Vec<String> = memory
        .text()
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["request_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, (0..1000).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn what_is_kept_of_one_line_stands_in_no_other() {
    let names = |name: &str| Some(Arc::<str>::from(name));
    let first = record();
    let others = [
        Record { listener: Arc::from("other"), ..first.clone() },
        Record { identity: Identity::Unsettled, ..first.clone() },
        Record { method: Method::GET, ..first.clone() },
        Record { protocol: None, ..first.clone() },
        Record { operation: None, ..first.clone() },
        Record { model: names("other"), ..first.clone() },
        Record { served: served("other", "mlserver"), ..first.clone() },
        Record { served: served("1", "other"), ..first.clone() },
        Record { served: None, ..first.clone() },
        Record { endpoint: names("other"), ..first.clone() },
        Record { tries: 7, ..first.clone() },
        Record { status: 201, ..first.clone() },
        Record { outcome: Outcome::UpstreamError, ..first.clone() },
        Record { cause: Some("other".to_owned()), ..first.clone() },
        Record { generation: Arc::from("other"), ..first.clone() },
    ];
    let line = |scribe: &mut Scribe, record: &Record| scribe.write(record).unwrap().to_vec();
    let mut kept = Scribe::default();
    let before = line(&mut kept, &first);
    for other in &others {
        let anew = line(&mut Scribe::default(), other);
        assert_ne!(anew, before, "{other:?}");
        assert_eq!(line(&mut kept, other), anew, "{other:?}");
        assert_eq!(line(&mut kept, other), anew, "{other:?}");
        assert_eq!(line(&mut kept, &first), before, "behind {other:?}");
    }
}
