//! OpenAI's answers as streams of events: however a stream is cut, the outcome is the same; where nothing is to be
//! changed nothing is; and what is changed is the model's name and the usage, as another reader of JSON sees it.
//!
//! A corpus file is a byte whose bits say what is wanted, a byte that says how the rest is cut, and a stream.

use std::collections::VecDeque;

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::Value;
use sluicegate_wire::openai::{Ending, StreamEdit, StreamForm, StreamSettings};
use sluicegate_wire::sse::{Event, Oversize, Reader};

use super::strict_json;

const NAME: &str = "a\"\n b\u{e9}";

/// Reads one stream and checks what must hold of it.
pub fn run(data: &[u8]) {
    let [wanted, seed, stream @ ..] = data else { return };
    let settings = StreamSettings {
        form: if wanted & 1 == 0 { StreamForm::Chunks } else { StreamForm::Response },
        model: (wanted & 2 != 0).then(|| NAME.to_owned()),
        strip_usage: wanted & 4 != 0,
    };
    let whole = edit(&settings, &[stream]);
    assert_eq!(whole, edit(&settings, &cut(stream, *seed)));
    assert_eq!(whole, edit(&settings, &stream.chunks(1).collect::<Vec<_>>()));
    let out = whole.0;
    if settings.model.is_none() && !settings.strip_usage {
        assert!(stream.starts_with(&out), "an unchanged stream is at most cut off");
        assert!(events(stream).iter().map(|event| event.raw().len()).sum::<usize>() <= out.len(), "an event is lost");
    }
    // Each name that is put in stands for at least the two quotes of another.
    assert!(out.len() <= stream.len() * (NAME.len() + 8), "more comes out than can");
    // Where an event is dropped a byte order mark may come to stand at the start.
    if !stream.windows(3).any(|bytes| bytes == b"\xef\xbb\xbf") {
        means_the_same(&settings, stream, &out);
    }
}

/// Pieces of one to nineteen bytes.
fn cut(mut stream: &[u8], seed: u8) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut state = u32::from(seed);
    while !stream.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let length = (state >> 24) as usize % 19 + 1;
        let (piece, rest) = stream.split_at(length.min(stream.len()));
        pieces.push(piece);
        stream = rest;
    }
    pieces
}

fn edit(settings: &StreamSettings, pieces: &[&[u8]]) -> (Vec<u8>, Ending) {
    let mut edit = StreamEdit::new(settings.clone());
    let mut out = VecDeque::new();
    for piece in pieces {
        assert!(edit.push(Bytes::copy_from_slice(piece), &mut out).is_ok(), "far below the limit");
    }
    let ending = edit.finish(&mut out);
    assert!(out.iter().all(|piece| !piece.is_empty()));
    (out.into_iter().flatten().collect(), ending)
}

/// The events whose end has come.
fn events(stream: &[u8]) -> Vec<Event> {
    let mut reader = Reader::new(1 << 20, Oversize::Refuse);
    reader.push(Bytes::copy_from_slice(stream));
    std::iter::from_fn(|| reader.next_event().unwrap()).collect()
}

/// Holds what a client makes of the stream against trees of JSON, changed as the settings say.
fn means_the_same(settings: &StreamSettings, stream: &[u8], out: &[u8]) {
    let mut expected = Vec::new();
    for event in events(stream) {
        let Some(data) = event.data() else { continue };
        let Some(mut tree) = strict_json::read(&data.text) else {
            // JSON that readers read in different ways; such a stream is for the other checks.
            if serde_json::from_slice::<IgnoredAny>(&data.text).is_ok() {
                return;
            }
            expected.push(Seen::Bytes(data.text));
            continue;
        };
        let usage = ["/usage", "/response/usage"].iter().any(|at| tree.pointer(at).is_some_and(Value::is_object));
        let no_choices = tree.get("choices").is_some_and(|value| value.is_null() || *value == Value::Array(Vec::new()));
        if settings.strip_usage && usage && no_choices {
            continue;
        }
        if settings.model.is_some() {
            for at in ["/model", "/response/model"] {
                if let Some(model) = tree.pointer_mut(at).filter(|model| model.is_string()) {
                    *model = Value::from(NAME);
                }
            }
        }
        if settings.strip_usage && tree.get("usage").is_some_and(Value::is_null) {
            tree.as_object_mut().unwrap().remove("usage");
        }
        expected.push(Seen::Tree(tree));
    }
    let found = events(out)
        .into_iter()
        .filter_map(|event| Some(event.data()?.text))
        .map(|text| strict_json::read(&text).map_or(Seen::Bytes(text), Seen::Tree));
    assert_eq!(expected, found.collect::<Vec<_>>());
}

#[derive(Debug, PartialEq)]
enum Seen {
    Tree(Value),
    Bytes(Bytes),
}
