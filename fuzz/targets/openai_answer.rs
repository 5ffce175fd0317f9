//! Whole answers of the OpenAI API: renamed, an answer is the same but for the model's name, as another reader of JSON
//! sees it; not renamed, it is the same bytes. And what a server says of its models and its errors.
//!
//! A corpus file is a body.

use bytes::Bytes;
use serde_json::Value;
use sluicegate_core::{Body, Usage};
use sluicegate_wire::openai::{answer, client};

use super::strict_json;

/// Reads one body and checks what must hold of it.
pub fn run(data: &[u8]) {
    let body = Bytes::copy_from_slice(data);
    let (same, usage) = answer(body.clone(), None);
    assert_eq!(whole(same), body);
    for name in ["other", "an \"other\"\n name\u{1}\u{e9}"] {
        let (renamed, again) = answer(body.clone(), Some(name));
        let renamed = whole(renamed);
        assert_eq!(usage, again);
        assert!(renamed.len() <= body.len() * (name.len() * 6 + 2), "more comes out than can");
        let (twice, again) = answer(renamed.clone(), Some(name));
        assert_eq!((whole(twice), again), (renamed.clone(), usage), "renamed again it stays");
        let values = (serde_json::from_slice::<Value>(&body), serde_json::from_slice::<Value>(&renamed));
        let (Ok(mut expected), Ok(found)) = values else { continue };
        // Deeper than this room reads: left alone.
        if renamed != body {
            for place in ["/model", "/response/model"] {
                if let Some(model) = expected.pointer_mut(place).filter(|model| model.is_string()) {
                    *model = Value::from(name);
                }
            }
        }
        assert_eq!(found, expected);
    }
    if let Some(tree) = strict_json::read(data) {
        told(usage.as_ref(), &tree);
    }
    if let Some(text) = client::decode_error(data) {
        assert!(text.chars().count() <= 512 && !text.contains(char::is_control));
    }
    if let Some(models) = client::decode_models(data) {
        assert!(models.len() <= 4096);
    }
}

/// The usage is what stands in the tree.
fn told(usage: Option<&Usage>, tree: &Value) {
    let places: Vec<&Value> =
        ["/usage", "/response/usage"].iter().filter_map(|at| tree.pointer(at)).filter(|at| at.is_object()).collect();
    // Of two that which stands last counts, and a tree does not say which that is.
    let ([place], Some(usage)) = (&places[..], usage) else {
        assert!(places.len() == 2 || usage.is_none());
        return;
    };
    let (input, output) = ("/prompt_tokens /input_tokens", "/completion_tokens /output_tokens");
    for (told, names) in [
        (usage.input, input),
        (usage.output, output),
        (usage.total, "/total_tokens"),
        (usage.cached, "/prompt_tokens_details/cached_tokens /input_tokens_details/cached_tokens"),
        (usage.reasoning, "/completion_tokens_details/reasoning_tokens /output_tokens_details/reasoning_tokens"),
    ] {
        let counts: Vec<Option<u64>> =
            names.split(' ').map(|name| place.pointer(name)).map(|count| count.and_then(count_of)).collect();
        assert!(counts.contains(&told), "{told:?} of {counts:?}");
    }
}

/// Zero with a sign is a float to the JSON library.
fn count_of(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| (value.as_f64() == Some(0.0)).then_some(0))
}

/// All bytes of a body that is at hand.
fn whole(body: Body) -> Bytes {
    match body {
        Body::Full(bytes) => bytes,
        Body::Pieces(pieces) => pieces.iter().flatten().copied().collect::<Vec<u8>>().into(),
        Body::Empty | Body::Stream(_) => Bytes::new(),
    }
}
