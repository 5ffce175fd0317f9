//! Streams of events: whatever a server sends and however it is cut, nothing is lost, and the events are those that a
//! reader of the whole text finds, which goes by the standard's own words.
//!
//! A corpus file is a stream. Its length says how it is cut.

use bytes::Bytes;
use sluicegate_wire::sse::{Event, Oversize, Reader};

/// What a client makes of an event: its name and its data.
type Seen = (Option<Vec<u8>>, Vec<u8>);

/// Reads one stream and checks what must hold of it.
pub fn run(data: &[u8]) {
    let step = data.len() % 7 + 1;
    let expected = dispatched(data);
    for pieces in [vec![data], data.chunks(step).collect(), data.chunks(1).collect()] {
        let (events, rest) = read(&pieces, 1 << 20);
        let joined: Vec<u8> = events.iter().chain(&rest).flat_map(|event| event.raw().to_vec()).collect();
        assert_eq!(joined, data);
        assert_eq!(events.iter().filter_map(seen).collect::<Vec<_>>(), expected);
        for event in &events {
            assert_eq!(event.is_done(), event.data().is_some_and(|data| data.text == "[DONE]"));
        }
        // With a limit events come in parts, but nothing is lost, and nothing that fits is torn.
        let (parts, rest) = read(&pieces, 16);
        let joined: Vec<u8> = parts.iter().chain(&rest).flat_map(|event| event.raw().to_vec()).collect();
        assert_eq!(joined, data);
        assert!(parts.iter().all(|part| part.is_torn() || part.raw().len() <= 16));
    }
}

/// All events, and what is left at the end.
fn read(pieces: &[&[u8]], limit: usize) -> (Vec<Event>, Option<Event>) {
    let mut reader = Reader::new(limit, Oversize::Pass);
    let mut events = Vec::new();
    for piece in pieces {
        reader.push(Bytes::copy_from_slice(piece));
        while let Ok(Some(event)) = reader.next_event() {
            events.push(event);
        }
    }
    let rest = reader.rest();
    (events, rest)
}

fn seen(event: &Event) -> Option<Seen> {
    Some((event.field("event").map(<[u8]>::to_vec), event.data()?.text.to_vec()))
}

/// The events of a whole stream, after "9.2.6 Interpreting an event stream" of the HTML standard.
fn dispatched(stream: &[u8]) -> Vec<Seen> {
    let mut rest = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream);
    let mut events = Vec::new();
    let (mut name, mut data): (Option<Vec<u8>>, Option<Vec<u8>>) = (None, None);
    while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        let line = &rest[..end];
        rest = &rest[end + if rest[end..].starts_with(b"\r\n") { 2 } else { 1 }..];
        if line.is_empty() {
            let name = name.take();
            events.extend(data.take().map(|data| (name, data)));
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (field, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.get(1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => name = Some(value.to_vec()),
            b"data" => match &mut data {
                Some(data) => data.extend([b"\n", value].concat()),
                None => data = Some(value.to_vec()),
            },
            _ => {}
        }
    }
    events
}
