//! Streams of events, and OpenAI's answers in them: whatever a server sends and however it is cut, nothing is lost, the
//! cuts change nothing, and where nothing is to be changed nothing is.
//!
//! A corpus file is a stream. Its length says how it is cut.

use std::collections::VecDeque;

use bytes::Bytes;
use sluicegate_wire::openai::{Ending, StreamEdit, StreamForm, StreamSettings};
use sluicegate_wire::sse::{Event, Oversize, Reader};

/// Reads one stream and checks what must hold of it.
pub fn run(data: &[u8]) {
    let whole = read(&[data]);
    let step = data.len() % 7 + 1;
    let pieces: Vec<&[u8]> = data.chunks(step).collect();
    let cut = read(&pieces);
    for events in [&whole, &cut] {
        let joined: Vec<u8> = events.iter().flat_map(|event| event.raw().to_vec()).collect();
        assert_eq!(joined, data);
    }
    assert_eq!(seen(&whole), seen(&cut));
    for form in [StreamForm::Chunks, StreamForm::Response] {
        let same = StreamSettings { form, model: None, strip_usage: false };
        let (out, _) = edit(&same, &[data]);
        assert!(data.starts_with(&out), "an unchanged stream is at most cut off");
        for settings in [
            same,
            StreamSettings { form, model: None, strip_usage: true },
            StreamSettings { form, model: Some("a\"\n b".to_owned()), strip_usage: true },
        ] {
            let whole = edit(&settings, &[data]);
            assert_eq!(whole, edit(&settings, &pieces));
            // What is edited has nothing more to be edited. A byte order mark may have come to stand at the start.
            let marked = data.windows(3).any(|bytes| bytes == b"\xef\xbb\xbf");
            if whole.1.complete && !marked {
                assert_eq!(edit(&settings, &[&whole.0]).0, whole.0);
            }
        }
    }
}

/// All events, with what is left at the end.
fn read(pieces: &[&[u8]]) -> Vec<Event> {
    let mut reader = Reader::new(1 << 20, Oversize::Pass);
    let mut events = Vec::new();
    for piece in pieces {
        reader.push(Bytes::copy_from_slice(piece));
        while let Ok(Some(event)) = reader.next_event() {
            events.push(event);
        }
    }
    events.extend(reader.rest());
    events
}

/// What a client makes of them.
fn seen(events: &[Event]) -> Vec<(Bytes, Option<Vec<u8>>, bool)> {
    let name = |event: &Event| event.field("event").map(<[u8]>::to_vec);
    events.iter().filter_map(|event| Some((event.data()?.text, name(event), event.is_done()))).collect()
}

fn edit(settings: &StreamSettings, pieces: &[&[u8]]) -> (Vec<u8>, Ending) {
    let mut edit = StreamEdit::new(settings.clone());
    let mut out = VecDeque::new();
    for piece in pieces {
        assert!(edit.push(Bytes::copy_from_slice(piece), &mut out).is_ok(), "far below the limit");
    }
    let ending = edit.finish(&mut out);
    (out.into_iter().flatten().collect(), ending)
}
