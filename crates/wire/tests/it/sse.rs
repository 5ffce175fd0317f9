//! Streams of events, in every line ending and cut anywhere.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use sluicegate_wire::sse::{self, Event, Oversize, Reader};

/// What a client makes of an event: its name, data and id.
type Seen = (Option<String>, String, Option<String>);

/// Puts pieces in, takes events out, and what is left at the end.
fn read(pieces: &[&[u8]]) -> (Vec<Event>, Option<Event>) {
    let mut reader = Reader::new(1 << 20, Oversize::Refuse);
    let mut events = Vec::new();
    for piece in pieces {
        reader.push(Bytes::copy_from_slice(piece));
        while let Some(event) = reader.next_event().unwrap() {
            events.push(event);
        }
    }
    (events, reader.rest())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn seen(events: &[Event]) -> Vec<Seen> {
    let field = |event: &Event, name| event.field(name).map(text);
    events
        .iter()
        .filter_map(|event| Some((field(event, "event"), text(&event.data()?.text), field(event, "id"))))
        .collect()
}

fn joined(events: &[Event], rest: Option<&Event>) -> Vec<u8> {
    events.iter().chain(rest).flat_map(|event| event.raw().to_vec()).collect()
}

/// A second reading of the whole text, line by line, as the specification tells it.
fn by_the_book(stream: &[u8]) -> Vec<Seen> {
    let stream = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream);
    let stream = text(stream).replace("\r\n", "\n").replace('\r', "\n");
    let (mut found, mut current) = (Vec::new(), (None, Vec::new(), None));
    let Some((whole, _)) = stream.rsplit_once('\n') else { return found };
    for line in whole.split('\n') {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "" if line.is_empty() => {
                let (name, data, id) = std::mem::take(&mut current);
                if !data.is_empty() {
                    found.push((name, data.join("\n"), id));
                }
            }
            "data" => current.1.push(value.to_owned()),
            "event" => current.0 = Some(value.to_owned()),
            "id" => current.2 = Some(value.to_owned()),
            _ => {}
        }
    }
    found
}

const STREAM: &str = "\u{feff}: welcome\nretry: 3000\nevent: delta\nid: 7\ndata: {\"a\":\"é😀\"}\n\ndata:no space\ndata:  two\n\
    data\ndata:\n: within\nid\n\n\n: ping\n\nunknown: kept\n\nevent: end\ndata: [DONE]\n\n";

#[test]
fn every_line_ending_and_every_cut_gives_the_same_events() {
    let expected: Vec<Seen> = vec![
        (Some("delta".into()), "{\"a\":\"é😀\"}".into(), Some("7".into())),
        (None, "no space\n two\n\n".into(), Some(String::new())),
        (Some("end".into()), "[DONE]".into(), None),
    ];
    for ending in ["\n", "\r\n", "\r"] {
        let stream = STREAM.replace('\n', ending).into_bytes();
        assert_eq!(by_the_book(&stream), expected, "{ending:?}");
        for cut in 0..=stream.len() {
            let (one, other) = stream.split_at(cut);
            let (events, rest) = read(&[one, other]);
            assert_eq!(seen(&events), expected, "{ending:?} cut at {cut}");
            assert_eq!(joined(&events, rest.as_ref()), stream, "{ending:?} cut at {cut}");
            assert_eq!(rest, None);
            assert!(events[events.len() - 2..].iter().any(Event::is_done));
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        let (events, rest) = read(&bytes);
        assert_eq!((seen(&events), rest), (expected.clone(), None), "{ending:?} byte by byte");
    }
}

#[test]
fn an_event_is_given_out_with_its_last_byte_and_not_later() {
    for (ending, last) in [("\n", "\n"), ("\r\n", "\r"), ("\r", "\r")] {
        let begun = format!("data: x{ending}");
        let (events, _) = read(&[begun.as_bytes()]);
        assert!(events.is_empty(), "{ending:?}");
        let (events, rest) = read(&[begun.as_bytes(), last.as_bytes()]);
        assert_eq!((seen(&events).len(), rest), (1, None), "{ending:?}");
    }
    let (events, rest) = read(&[b"data: x\r\n\r", b"\n"]);
    assert_eq!((events.len(), seen(&events).len(), rest), (2, 1, None), "the late line feed is handed on at once");
}

#[test]
fn a_comment_between_events_is_not_held_back() {
    let (events, rest) = read(&[b": ping\n", b"data: 1\n: within\n"]);
    assert_eq!(events.len(), 1);
    assert_eq!(&events[0].raw()[..], b": ping\n");
    assert_eq!(&rest.unwrap().raw()[..], b"data: 1\n: within\n");
}

#[test]
fn events_within_one_piece_are_not_copied() {
    let piece = Bytes::from_static(b"data: 1\n\ndata: 2\n\n");
    let mut reader = Reader::new(64, Oversize::Refuse);
    reader.push(piece.clone());
    let event = reader.next_event().unwrap().unwrap();
    assert_eq!(event.raw().as_ptr(), piece.as_ptr());
    assert_eq!(event.data().unwrap().text.as_ptr(), piece[6..].as_ptr());
}

#[test]
fn only_a_line_of_its_own_ends_the_stream() {
    let is_done = |stream: &str| read(&[stream.as_bytes()]).0[0].is_done();
    assert!(is_done("data: [DONE]\n\n") && is_done("data:[DONE]\r\n\r\n") && is_done("event: x\ndata: [DONE]\n\n"));
    for other in [
        "data: {\"content\":\"data: [DONE]\"}\n\n",
        "data: [DONE] \n\n",
        "data:  [DONE]\n\n",
        "data: [done]\n\n",
        "data: [DONE]\ndata: more\n\n",
        "data: more\ndata: [DONE]\n\n",
        ": data: [DONE]\n\n",
        "xdata: [DONE]\n\n",
    ] {
        assert!(!is_done(other), "{other:?}");
    }
}

#[test]
fn a_byte_order_mark_counts_only_at_the_start() {
    assert_eq!(seen(&read(&["\u{feff}\n\ndata: 1\n\n".as_bytes()]).0).len(), 1);
    assert_eq!(seen(&read(&["\n\u{feff}data: 1\n\n".as_bytes()]).0).len(), 0);
    assert_eq!(seen(&read(&[b"\xef\xbb", b"\xbf", b"data: 1\n\n"]).0).len(), 1);
    assert_eq!(seen(&read(&[b"\xef\xbb", b"data: 1\n\n"]).0).len(), 0);
}

#[test]
fn an_event_beyond_the_limit_is_refused_or_handed_on_in_parts() {
    let large = format!("data: {}", "x".repeat(40));
    for pieces in [vec![format!("{large}\n\n")], vec![large.clone(), "\n\n".to_owned()]] {
        let mut reader = Reader::new(32, Oversize::Refuse);
        let outcome = pieces.iter().find_map(|piece| {
            reader.push(Bytes::from(piece.clone()));
            reader.next_event().err()
        });
        assert_eq!(outcome.unwrap().to_string(), "an event of the stream is larger than 32 bytes");
    }
    let mut reader = Reader::new(32, Oversize::Pass);
    let mut events = Vec::new();
    let (one, other) = large.split_at(20);
    for piece in [one, other, "yy\n", "\ndata: 1\n\n"] {
        reader.push(Bytes::copy_from_slice(piece.as_bytes()));
        while let Some(event) = reader.next_event().unwrap() {
            events.push(event);
        }
        assert_eq!(reader.is_torn(), events.last().is_some_and(|event| event.is_torn() && !piece.ends_with("1\n\n")));
    }
    assert_eq!(text(&joined(&events, None)), format!("{large}yy\n\ndata: 1\n\n"));
    assert_eq!(seen(&events), [(None, "1".to_owned(), None)]);
}

#[test]
fn what_is_written_reads_back() {
    let mut out = Vec::new();
    sse::comment("ping\npong", &mut out);
    sse::event(None, "{}", &mut out);
    sse::event(Some("error\nid: 1"), "a\r\nb\rc\n\nd", &mut out);
    sse::event(None, "", &mut out);
    assert_eq!(
        text(&out),
        ": ping\n\ndata: {}\n\nevent: error\ndata: a\ndata: b\ndata: c\ndata: \ndata: d\n\ndata: \n\n"
    );
    let read: Vec<Seen> = seen(&read(&[&out]).0);
    assert_eq!(read[1], (Some("error".into()), "a\nb\nc\n\nd".into(), None));
    assert!(self::read(&[sse::DONE]).0[0].is_done());
}

proptest! {
    #[test]
    fn any_stream_cut_anywhere_reads_as_the_specification_says(
        parts in vec(prop_oneof![
            Just("data"), Just("event"), Just("id"), Just(":"), Just(": "), Just(" "), Just("\n"), Just("\r"),
            Just("\r\n"), Just("\n\n"), Just("x"), Just("é"), Just("\u{feff}"), Just("[DONE]"),
        ], 0..40),
        cuts in vec(0..200_usize, 0..6),
    ) {
        let stream = parts.concat().into_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|ends| &stream[ends[0]..ends[1]]).collect();
        let (events, rest) = read(&pieces);
        prop_assert_eq!(joined(&events, rest.as_ref()), stream.clone());
        prop_assert_eq!(seen(&events), by_the_book(&stream));
    }
}
