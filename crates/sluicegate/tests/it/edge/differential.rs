//! Generated streams through a whole gateway: it may take no more of a stream than the letter of the standard allows, and
//! what it hands on is read alike by that letter, by the HTTP library and by servers of other makes.
//!
//! `cargo xtask differential --cases N` makes a long run of the same.

use std::fmt::Write as _;
use std::sync::Arc;

use super::answers;
use super::case::{load, names};
use super::grammar::Maker;
use super::readers::{Exception, KNOWN, KNOWN_SAID, Readers, Tally};
use super::strict::{self, Reading};
use super::whole::{Handed, Outcome, Whole, as_the_library_reads};
use crate::support::now;

/// Streams of an ordinary run.
const CASES: u64 = 6_000;

/// Streams through one gateway, before a fresh one takes over: it keeps a record of each request.
const BATCH: u64 = 1_000;

/// Exceptions of one reader that are told in full.
const TOLD: usize = 10;

const LETTER: &str = "the letter of RFC 9112";
const LIBRARY: &str = "hyper";

#[test]
fn h28_every_reader_reads_what_is_handed_on_alike() {
    let cases = number("SLUICEGATE_DIFFERENTIAL_CASES").unwrap_or(CASES);
    let seed = number("SLUICEGATE_DIFFERENTIAL_SEED").unwrap_or(0);
    let corpus: Vec<Vec<u8>> = names()
        .iter()
        .flat_map(|name| load(name).cases)
        .map(|case| case.bytes())
        .filter(|bytes| bytes.len() < 4096)
        .collect();
    let corpus: Vec<&[u8]> = corpus.iter().map(Vec::as_slice).collect();
    let readers = Readers::start();
    let mut gate = Tally { reader: LETTER, ..Tally::default() };
    let mut library = Tally { reader: LIBRARY, ..Tally::default() };
    let (mut messages, mut streams, mut served) = (0, 0, 0);
    let start = now();
    while streams < cases {
        let until = (streams + BATCH).min(cases);
        let handed = Arc::new(batch(streams..until, seed, &corpus, &mut gate, &mut served));
        streams = until;
        messages += handed.len() as u64;
        library.messages += handed.len() as u64;
        library.exceptions.extend(read_by_the_library(&handed));
        readers.read(&handed);
        if cases > CASES && streams % (BATCH * 20) == 0 {
            progress(streams, cases, messages, start.elapsed().as_secs());
        }
    }
    let mut tallies = vec![gate, library];
    tallies.extend(readers.finish());
    report(&tallies);
    tell(&format!("streams {streams}, of which {served} had a message handed on"));
    let found = tallies.iter().flat_map(|tally| tally.exceptions.iter().take(TOLD)).map(told).collect::<Vec<_>>();
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(tallies.iter().all(|tally| tally.messages >= messages), "every reader reads every message: {tallies:?}");
    // A gate that takes nothing disagrees with nobody.
    assert!(served * 4 > streams, "of {streams} streams only {served} were served");
}

/// What one gateway hands on of these streams.
fn batch(
    streams: std::ops::Range<u64>,
    seed: u64,
    corpus: &[&[u8]],
    gate: &mut Tally,
    served: &mut u64,
) -> Vec<Handed> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let whole = Whole::open();
        let mut handed = Vec::new();
        for nth in streams {
            // A stream's own seed: it is made again without those before it.
            let pieces = Maker::new(seed ^ (nth << 16), corpus).stream();
            let outcome = whole.feed(&pieces).await;
            let sent = pieces.concat();
            gate.messages += outcome.handed.len() as u64;
            *served += u64::from(!outcome.handed.is_empty());
            gate.exceptions.extend(against_the_letter(&sent, &outcome).map(|why| Exception {
                reader: LETTER,
                why: format!("stream {nth}: {why}"),
                bytes: sent,
            }));
            handed.extend(outcome.handed);
        }
        handed
    })
}

/// What the gate took of a stream that it may not take, or handed on that is not what it took.
fn against_the_letter(sent: &[u8], outcome: &Outcome) -> Option<String> {
    if let Some((bytes, why)) = outcome.nonsense.first() {
        return Some(format!("no message was handed on ({why}): {}", shown(bytes)));
    }
    let (messages, rest) = strict::read_all(sent);
    // Each call handed on is one of the stream's, in their order, with the same body.
    let mut left = messages.iter();
    for one in outcome.handed.iter().filter(|one| one.message.method == "POST") {
        if one.message.target != "/v2/models/iris/infer" {
            return Some(format!("the backend got the path {:?}", one.message.target));
        }
        if !left.any(|(message, _)| message.method == "POST" && message.body == one.message.body) {
            let bytes = shown(&one.bytes);
            return Some(format!("of {} messages none is what was handed on: {bytes}", messages.len()));
        }
    }
    // An answer each; one more for what is no message, and with it the end.
    let refused = !matches!(&rest, Reading::More) || !outcome.answers.is_empty();
    // What is no message may ask for a head alone all the same.
    let taken: usize = messages.iter().map(|(_, bytes)| bytes.len()).sum();
    let rest_asks_for_head = sent[taken..].trim_ascii_start().starts_with(b"HEAD ");
    let mut answers = outcome.answers.as_slice();
    let mut count = 0;
    loop {
        let bare = messages.get(count).map_or(rest_asks_for_head, |(message, _)| message.method == "HEAD");
        match answers::next(&mut answers, bare) {
            Ok(Some(_)) => count += 1,
            Ok(None) => break,
            Err(error) => return Some(format!("the answers are none: {error}: {}", shown(&outcome.answers))),
        }
    }
    let most = messages.len() + usize::from(refused);
    (count > most).then(|| format!("{count} answers to {} messages", messages.len()))
}

/// All messages of a batch over one connection; where one is read otherwise, each by itself.
fn read_by_the_library(handed: &[Handed]) -> Vec<Exception> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reads_alike = |messages: &[Handed]| {
        let bytes = messages.iter().flat_map(|one| [one.bytes.as_slice(), KNOWN]).collect::<Vec<_>>().concat();
        let expected: Vec<_> = messages.iter().flat_map(|one| [one.message.said(), KNOWN_SAID.to_owned()]).collect();
        let said = runtime.block_on(as_the_library_reads(bytes));
        if said == expected { Ok(()) } else { Err(format!("read as {said:?}")) }
    };
    if reads_alike(handed).is_ok() {
        return Vec::new();
    }
    let alone = handed.iter().filter_map(|one| {
        let why = reads_alike(std::slice::from_ref(one)).err()?;
        Some(Exception { reader: LIBRARY, why, bytes: one.bytes.clone() })
    });
    alone.collect()
}

fn told(exception: &Exception) -> String {
    format!("{}: {}\n    {}", exception.reader, exception.why, shown(&exception.bytes))
}

/// Bytes to be read by people: long runs of the same one are counted.
fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for run in bytes.chunk_by(|one, next| one == next) {
        if run.len() > 20 {
            let _ = write!(text, "\\{{{}*{}}}", run.len(), run[..1].escape_ascii());
        } else {
            let _ = write!(text, "{}", run.escape_ascii());
        }
    }
    text
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

fn progress(streams: u64, cases: u64, messages: u64, seconds: u64) {
    tell(&format!("... {streams} of {cases} streams, {messages} messages handed on, {seconds} s"));
}

/// The rows of the command's table.
#[expect(clippy::print_stdout, reason = "the command that makes long runs reads it")]
fn report(tallies: &[Tally]) {
    for tally in tallies {
        println!("| {} | {} | {} |", tally.reader, tally.messages, tally.exceptions.len());
    }
}

#[expect(clippy::print_stderr, reason = "a long run shows that it goes on")]
fn tell(line: &str) {
    eprintln!("{line}");
}
