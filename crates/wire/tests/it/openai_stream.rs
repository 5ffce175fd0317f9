//! Streamed and whole answers of OpenAI-compatible servers, in every line ending and cut anywhere.

use std::collections::VecDeque;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use sluicegate_core::{Kind, Refusal, Usage};
use sluicegate_wire::openai::{self, AnswerForm, Ending, Fault, StreamEdit, StreamForm, StreamSettings};

use crate::bytes_of::whole;
use crate::openai_head::value;

/// A stream as vLLM and OpenAI send it with the usage asked for.
const CHUNKS: &str = r#": keepalive

data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"back/7b","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}

event: message
id: 5
data: { "usage" : null , "model" : "back/7b" , "choices" : [ { "delta" : { "content" : "\"model\":\"back/7b\" data: [DONE] é😀" } } ] }

data:{"model":"back/7b","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"timings":{"model":"back/7b","usage":null}, "usage" : null}

data: {"id":"c1","model":"back/7b","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":8}}}

data: [DONE]

"#;

/// What a client gets of it that has asked for `front` and not for usage.
const EDITED: &str = r#": keepalive

data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"front","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}

event: message
id: 5
data: { "model" : "front" , "choices" : [ { "delta" : { "content" : "\"model\":\"back/7b\" data: [DONE] é😀" } } ] }

data:{"model":"front","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"timings":{"model":"back/7b","usage":null}}

data: [DONE]

"#;

/// A stream of the newer API.
const RESPONSE: &str = r#"event: response.created
data: {"type":"response.created","sequence_number":0,"response":{"id":"r","model":"back/7b","error":null,"usage":null,"output":[]}}

event: response.output_text.delta
data: {"type":"response.output_text.delta","sequence_number":1,"item_id":"m","delta":"model"}

event: response.completed
data: {"type":"response.completed","sequence_number":2,"response":{"id":"r","model":"back/7b","usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":0},"output_tokens":4,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":13}}}

"#;

fn chunks(model: Option<&str>, strip_usage: bool) -> StreamSettings {
    StreamSettings { form: StreamForm::Chunks, model: model.map(str::to_owned), strip_usage }
}

fn response(model: Option<&str>) -> StreamSettings {
    StreamSettings { form: StreamForm::Response, model: model.map(str::to_owned), strip_usage: false }
}

/// What comes of a stream.
fn run<'a>(settings: StreamSettings, pieces: impl IntoIterator<Item = &'a [u8]>) -> (String, Ending) {
    let mut edit = StreamEdit::new(settings);
    let mut out = VecDeque::new();
    for piece in pieces {
        edit.push(Bytes::copy_from_slice(piece), &mut out).unwrap();
    }
    let ending = edit.finish(&mut out);
    assert!(out.iter().all(|piece| !piece.is_empty()));
    let bytes: Vec<u8> = out.into_iter().flatten().collect();
    (String::from_utf8(bytes).unwrap(), ending)
}

/// Runs a stream in every line ending, cut in two at every place and cut into single bytes.
fn everywhere(settings: &StreamSettings, stream: &str, expected: &str, ending: Ending) {
    for line_end in ["\n", "\r\n", "\r"] {
        let stream = stream.replace('\n', line_end).into_bytes();
        let expected = expected.replace('\n', line_end);
        for cut in 0..=stream.len() {
            let (one, other) = stream.split_at(cut);
            let found = run(settings.clone(), [one, other]);
            assert_eq!(found, (expected.clone(), ending), "{line_end:?} cut at {cut}");
        }
        assert_eq!(run(settings.clone(), stream.chunks(1)), (expected, ending), "{line_end:?} byte by byte");
    }
}

fn usage() -> Usage {
    Usage { input: Some(12), output: Some(3), total: Some(15), cached: Some(8), reasoning: None }
}

#[test]
fn a_stream_that_needs_no_change_is_the_same_bytes() {
    let ending = Ending { usage: Some(usage()), complete: true, failed: None };
    everywhere(&chunks(None, false), CHUNKS, CHUNKS, ending);
}

#[test]
fn the_model_is_put_back_and_unasked_usage_taken_out() {
    let ending = Ending { usage: Some(usage()), complete: true, failed: None };
    everywhere(&chunks(Some("front"), true), CHUNKS, EDITED, ending);
}

#[test]
fn usage_the_client_asked_for_stays() {
    let (text, ending) = run(chunks(Some("front"), false), [CHUNKS.as_bytes()]);
    let top_level = CHUNKS
        .replace(r#""model":"back/7b","choices""#, r#""model":"front","choices""#)
        .replace(r#""model" : "back/7b""#, r#""model" : "front""#);
    assert_eq!((text, ending.usage), (top_level, Some(usage())));
}

#[test]
fn a_response_has_its_model_one_level_down() {
    let usage = Usage { input: Some(9), output: Some(4), total: Some(13), cached: Some(0), reasoning: Some(2) };
    let ending = Ending { usage: Some(usage), complete: true, failed: None };
    everywhere(&response(None), RESPONSE, RESPONSE, ending);
    everywhere(&response(Some("front")), RESPONSE, &RESPONSE.replace("back/7b", "front"), ending);
}

/// What llama.cpp's server sent, recorded.
macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../../../../tests/python/samples/llama/", $name, ".sse"))
    };
}

#[test]
fn recorded_streams_of_a_real_server() {
    let told = |input, output, cached| {
        let total = Some(input + output);
        Some(Usage { input: Some(input), output: Some(output), total, cached: Some(cached), reasoning: None })
    };
    for (stream, settings, usage) in [
        (sample!("chat"), chunks(None, false), None),
        (sample!("chat-usage"), chunks(None, false), told(23, 3, 22)),
        (sample!("completions"), chunks(None, false), told(7, 2, 2)),
        (sample!("completions"), chunks(None, true), told(7, 2, 2)),
    ] {
        everywhere(&settings, stream, stream, Ending { usage, complete: true, failed: None });
    }
    let (text, ending) = run(response(None), [sample!("responses").as_bytes()]);
    assert_eq!(text, sample!("responses"));
    assert!(ending.complete && ending.failed.is_none() && ending.usage.is_some_and(|usage| usage.output.is_some()));
}

#[test]
fn usage_of_a_real_server_is_taken_out_with_its_chunk() {
    let stream = sample!("chat-usage");
    let (text, ending) = run(chunks(Some("front"), true), [stream.as_bytes()]);
    assert_eq!(ending.usage.map(|usage| usage.total), Some(Some(26)));
    let unasked: Vec<&str> =
        stream.split_inclusive("\n\n").filter(|event| !event.contains("\"choices\":[],")).collect();
    assert_eq!(unasked.len() + 1, stream.matches("\n\n").count());
    assert_eq!(text, unasked.concat().replace("\"model\":\"tiny\"", "\"model\":\"front\""));
}

#[test]
fn how_a_response_ends_is_told_by_its_last_event() {
    for (kind, complete, failed) in [
        ("response.completed", true, None),
        ("response.incomplete", true, None),
        ("response.failed", true, Some(Fault::Server)),
        ("error", false, Some(Fault::Server)),
        ("response.in_progress", false, None),
    ] {
        let told = json!({"type": kind, "response": {"usage": {"input_tokens": 1}}, "sequence_number": 4});
        let stream = format!("data: {told}\n\n");
        let (text, ending) = run(response(None), [stream.as_bytes()]);
        assert_eq!((text, ending.complete, ending.failed), (stream, complete, failed), "{kind}");
        assert_eq!(ending.usage.unwrap().input, Some(1), "{kind}");
    }
}

#[test]
fn the_last_usage_counts_where_every_chunk_tells_one() {
    let chunk = |tokens: u64| {
        let usage = json!({"prompt_tokens": 5, "completion_tokens": tokens, "total_tokens": 5 + tokens});
        format!("data: {}\n\n", json!({"choices": [{"index": 0}], "usage": usage}))
    };
    let stream = [chunk(1), chunk(2), chunk(3), "data: [DONE]\n\n".to_owned()].concat();
    for strip in [false, true] {
        let (text, ending) = run(chunks(None, strip), [stream.as_bytes()]);
        assert_eq!(text, stream, "chunks with choices stay");
        assert_eq!(ending.usage.map(|usage| usage.output), Some(Some(3)));
    }
}

#[test]
fn odd_usage_is_not_made_up() {
    for (usage, expected) in [
        (json!({}), Some(Usage::default())),
        (json!({"prompt_tokens": -1, "completion_tokens": 1.5, "total_tokens": "7"}), Some(Usage::default())),
        (json!({"prompt_tokens": u64::MAX, "prompt_tokens_details": null}), {
            Some(Usage { input: Some(u64::MAX), ..Usage::default() })
        }),
        (json!("many"), None),
        (json!([1]), None),
    ] {
        let stream = format!("data: {}\n\n", json!({"usage": usage, "choices": [1]}));
        let (text, ending) = run(chunks(None, true), [stream.as_bytes()]);
        assert_eq!((text, ending.usage), (stream, expected));
    }
}

#[test]
fn a_null_usage_goes_wherever_it_stands() {
    for (given, left) in [
        (r#"{"usage":null}"#, "{}"),
        (r#"{ "usage" : null }"#, "{ }"),
        (r#"{"usage":null,"a":1}"#, r#"{"a":1}"#),
        (r#"{"usage":null , "a":1}"#, r#"{ "a":1}"#),
        (r#"{"a":1,"usage":null}"#, r#"{"a":1}"#),
        (r#"{"a":1 , "usage" : null ,"b":2}"#, r#"{"a":1 ,"b":2}"#),
        (r#"{"a":{"usage":null}}"#, r#"{"a":{"usage":null}}"#),
        (r#"{"usage":null,"usage":null}"#, r#"{"usage":null,"usage":null}"#),
    ] {
        let stream = format!("data: {given}\n\n");
        assert_eq!(run(chunks(None, true), [stream.as_bytes()]).0, format!("data: {left}\n\n"));
    }
}

#[test]
fn a_chunk_without_choices_that_tells_no_usage_stays() {
    // Azure's first chunk tells of its filters.
    let filters = "data: {\"choices\":[],\"prompt_filter_results\":[{}],\"usage\":null}\n\n";
    let (text, _) = run(chunks(None, true), [filters.as_bytes()]);
    assert_eq!(text, "data: {\"choices\":[],\"prompt_filter_results\":[{}]}\n\n");
    let null = "data: {\"choices\":null,\"usage\":{\"prompt_tokens\":1}}\n\n";
    assert_eq!(run(chunks(None, true), [null.as_bytes()]).0, "");
    assert_eq!(run(chunks(None, false), [null.as_bytes()]).0, null);
}

#[test]
fn data_on_several_lines_is_changed_where_it_stands() {
    let stream = "data: {\"model\":\ndata:\"back\",\ndata: \"usage\"\ndata: :null,\r\ndata: \"x\":1}\n\n";
    let (text, _) = run(chunks(Some("front"), true), [stream.as_bytes()]);
    assert_eq!(text, "data: {\"model\":\ndata:\"front\"\ndata: \ndata: ,\r\ndata: \"x\":1}\n\n");
}

#[test]
fn what_is_no_json_and_errors_in_band_pass_as_they_are() {
    for (stream, failed) in [
        ("data: not json\n\n", None),
        ("data: {\"model\":\"back\"\n\n", None),
        ("data: [\"model\",\"back\"]\n\n", None),
        ("data: {\"model\":5}\n\ndata: {\"model\":null}\n\n", None),
        ("event: x\n\n: y\n\nfoo: bar\n\n", None),
        ("data: {\"error\":{\"message\":\"no room\",\"code\":null}}\n\n", Some(Fault::Server)),
        ("data: {\"error\":\"no room\"}\n\n", Some(Fault::Server)),
        ("data: {\"error\":{\"code\":503,\"type\":\"unavailable_error\"}}\n\n", Some(Fault::Server)),
        ("data: {\"error\":{\"code\":400,\"message\":{\"a\":[1]}}}\n\n", Some(Fault::Client)),
        ("data: {\"error\":{\"code\":null,\"type\":\"invalid_request_error\"}}\n\n", Some(Fault::Client)),
        ("data: {\"error\":null}\n\n", None),
        ("error: {\"code\":500}\n\n", None),
    ] {
        let (text, ending) = run(chunks(Some("front"), true), [stream.as_bytes()]);
        assert_eq!((text.as_str(), ending.failed, ending.complete), (stream, failed, false));
    }
}

#[test]
fn an_unfinished_event_at_the_end_is_handed_on_only_if_it_can_be_read() {
    let settings = || chunks(Some("front"), false);
    for (stream, expected, complete) in [
        ("data: [DONE]", "data: [DONE]", true),
        ("data: [DONE]\n", "data: [DONE]\n", true),
        ("data: {\"model\":\"back\"}", "data: {\"model\":\"front\"}", false),
        ("data: 1\n\ndata: {\"model\":\"ba", "data: 1\n\n", false),
        ("data: [DONE]\n\ndata: x", "data: [DONE]\n\ndata: x", true),
        ("data: 1\n\n: bye", "data: 1\n\n: bye", false),
    ] {
        let (text, ending) = run(settings(), [stream.as_bytes()]);
        assert_eq!((text.as_str(), ending.complete), (expected, complete), "{stream:?}");
    }
}

#[test]
fn a_broken_stream_ends_with_an_error_a_client_can_read() {
    let refusal = Refusal::new(Kind::UpstreamFault, "the model's server broke off");
    let error = r#"{"error":{"code":"upstream_fault","message":"the model's server broke off","param":null,"type":"server_error"}}"#;
    for (stream, settings, expected) in [
        ("data: {\"a\":1}\n\ndata: {\"b", chunks(None, false), format!("data: {{\"a\":1}}\n\ndata: {error}\n\n")),
        ("", chunks(None, false), format!("data: {error}\n\n")),
        ("data: {\"a\":1}", chunks(None, false), format!("data: {{\"a\":1}}\n\ndata: {error}\n\n")),
    ] {
        let mut edit = StreamEdit::new(settings);
        let mut out = VecDeque::new();
        edit.push(Bytes::from_static(stream.as_bytes()), &mut out).unwrap();
        assert!(!edit.finish(&mut out).complete);
        out.push_back(edit.break_off(&refusal));
        let bytes: Vec<u8> = out.into_iter().flatten().collect();
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }
    let mut edit = StreamEdit::new(response(None));
    let told = |edit: &StreamEdit| String::from_utf8(edit.break_off(&refusal).to_vec()).unwrap();
    assert!(told(&edit).contains(r#""sequence_number":0"#));
    edit.push(Bytes::from_static(RESPONSE.as_bytes()), &mut VecDeque::new()).unwrap();
    assert_eq!(
        told(&edit),
        "event: error\ndata: {\"code\":\"upstream_fault\",\"message\":\"the model's server broke off\",\
         \"param\":null,\"sequence_number\":3,\"type\":\"error\"}\n\n"
    );
}

#[test]
fn an_event_beyond_the_limit_passes_where_nothing_must_be_changed() {
    let piece = Bytes::from(vec![b'x'; 1 << 20]);
    let feed = |edit: &mut StreamEdit, out: &mut VecDeque<Bytes>| {
        edit.push(Bytes::from_static(b"data: "), out)?;
        (0..20).try_for_each(|_| edit.push(piece.clone(), out))
    };
    let (mut edit, mut out) = (StreamEdit::new(chunks(None, true)), VecDeque::new());
    feed(&mut edit, &mut out).unwrap();
    assert!(edit.break_off(&Refusal::new(Kind::UpstreamFault, "x")).starts_with(b"\n\ndata: {"));
    edit.push(Bytes::from_static(b"\n\ndata: [DONE]\n\n"), &mut out).unwrap();
    assert!(edit.finish(&mut out).complete);
    assert_eq!(out.iter().map(Bytes::len).sum::<usize>(), 6 + (20 << 20) + 2 + 14);
    let mut edit = StreamEdit::new(chunks(Some("front"), true));
    let error = feed(&mut edit, &mut VecDeque::new()).unwrap_err();
    assert_eq!(error.to_string(), "an event of the stream is larger than 16777216 bytes");
}

#[test]
fn whole_answers() {
    let answer = |body: &'static str, model| {
        let (body, usage) = openai::answer(Bytes::from_static(body.as_bytes()), model);
        (String::from_utf8(whole(body).to_vec()).unwrap(), usage)
    };
    let chat = r#"{ "model":"back", "choices":[{"message":{"content":"\"model\":\"back\""}}], "usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":8}}}"#;
    assert_eq!(answer(chat, None), (chat.to_owned(), Some(usage())));
    let renamed = chat.replacen(r#""model":"back""#, r#""model":"a\"b""#, 1);
    assert_eq!(answer(chat, Some("a\"b")), (renamed, Some(usage())));
    let embedding = r#"{"object":"list","data":[{"embedding":"AAAA"}],"model":"back","usage":{"prompt_tokens":2,"total_tokens":2}}"#;
    let read = Usage { input: Some(2), total: Some(2), ..Usage::default() };
    assert_eq!(answer(embedding, Some("front")), (embedding.replace("back", "front"), Some(read)));
    for other in ["", "oops", "[]", r#"{"error":{"message":"x","model":"back"}}"#, r#"{"model":"back""#] {
        assert_eq!(answer(other, Some("front")), (other.to_owned(), None));
    }
}

#[test]
fn how_an_answer_is_read_is_told_by_its_headers() {
    let form = |fields: &[(&'static str, &'static str)]| {
        AnswerForm::of(&fields.iter().map(|(name, value)| (*name, http::HeaderValue::from_static(value))).collect())
    };
    assert_eq!(form(&[("content-type", "text/event-stream; charset=utf-8")]), AnswerForm::Stream);
    assert_eq!(form(&[("content-type", "Application/JSON")]), AnswerForm::Json);
    assert_eq!(form(&[("content-type", "text/plain")]), AnswerForm::Opaque);
    assert_eq!(form(&[]), AnswerForm::Opaque);
    assert_eq!(form(&[("content-type", "text/event-stream"), ("content-encoding", "gzip")]), AnswerForm::Opaque);
}

#[test]
fn short_answers() {
    let text = |answer: sluicegate_core::Outbound| -> Value { serde_json::from_slice(&whole(answer.body)).unwrap() };
    let one = json!({"id": "a", "object": "model", "created": 0, "owned_by": "sluicegate"});
    assert_eq!(text(openai::model("a")), one);
    assert_eq!(text(openai::models(["a"])), json!({"object": "list", "data": [one]}));
    assert_eq!(text(openai::models([])), json!({"object": "list", "data": []}));
    for kind in Kind::ALL {
        let facts = kind.facts();
        let answer = openai::refusal(&Refusal::new(*kind, "'not a parameter' is wrong"));
        assert_eq!(answer.status.as_u16(), facts.http);
        let error = &text(answer)["error"];
        let expected = match facts.http {
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            429 => "rate_limit_error",
            status if status < 500 => "invalid_request_error",
            _ => "server_error",
        };
        assert_eq!((error["type"].as_str(), error["code"].as_str()), (Some(expected), Some(facts.label)));
        assert_eq!(error["param"], Value::Null);
    }
    let listed = openai::client::decode_models(br#"{"object":"list","data":[{"id":"a"},{"x":1},{"id":"b"}]}"#);
    assert_eq!(listed, Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(openai::client::decode_models(b"[]"), None);
}

proptest! {
    #[test]
    fn any_chunk_keeps_everything_but_its_model(chunk in value(), new in any::<String>(), pretty in any::<bool>()) {
        let text = if pretty { format!("{chunk:#}") } else { chunk.to_string() };
        let data: String = text.split('\n').map(|line| format!("data: {line}\n")).collect();
        let (out, _) = run(chunks(Some(&new), false), [format!("{data}\n").as_bytes()]);
        let told: Vec<&str> = out.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        let mut expected = chunk;
        for object in ["", "/response"] {
            if let Some(model) = expected.pointer_mut(&format!("{object}/model")).filter(|model| model.is_string()) {
                *model = Value::from(new.as_str());
            }
        }
        prop_assert_eq!(serde_json::from_str::<Value>(&told.join("\n")).unwrap(), expected);
    }
}
