//! Requests of the OpenAI API: what is read of them, and what is changed.

use bytes::Bytes;
use http::Method;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};
use sluicegate_core::{Fields, Kind, Refusal};
use sluicegate_wire::openai::{self, Head, LIMITS, Path};

use crate::bytes_of::whole;

fn read(body: &str) -> Result<Head, Refusal> {
    Head::read(&Fields::new(), body.as_bytes(), &LIMITS)
}

/// The body as a backend gets it.
fn forward(body: &str, model: Option<&str>, ask_usage: bool) -> String {
    let bytes = Bytes::copy_from_slice(body.as_bytes());
    let forwarded = read(body).unwrap().forward(&bytes, model, ask_usage);
    String::from_utf8(whole(forwarded).to_vec()).unwrap()
}

#[test]
fn the_model_is_found_wherever_it_stands() {
    for (body, model, stream, include_usage) in [
        (r#"{"model":"m"}"#, "m", false, false),
        (r#" { "stream" : true , "model" : "a/b c" } "#, "a/b c", true, false),
        (
            r#"{"messages":[{"model":"no","content":"{\"model\":\"no\"}"}],"model":"yes","stream":null}"#,
            "yes",
            false,
            false,
        ),
        (r#"{"mod\u0065l":"\u006d\ud83d\ude00\"\/"}"#, "m😀\"/", false, false),
        (r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#, "m", true, true),
        (r#"{"model":"m","stream_options":{"include_usage":false,"include_obfuscation":true}}"#, "m", false, false),
        (r#"{"model":"m","Model":"n","MODEL":"o","stream_options":null}"#, "m", false, false),
        (r#"{"model":""}"#, "", false, false),
    ] {
        let head = read(body).unwrap();
        assert_eq!((head.model.as_str(), head.stream, head.include_usage), (model, stream, include_usage), "{body}");
    }
}

#[test]
fn what_is_not_clear_is_refused_and_named() {
    for (body, public) in [
        (r#"{"model":"a","model":"a"}"#, "'model' is given twice"),
        (r#"{"model":"a","messages":[],"m\u006fdel":"b"}"#, "'model' is given twice"),
        (r#"{"stream":true,"model":"a","stream":true}"#, "'stream' is given twice"),
        (r#"{"stream_options":{},"model":"a","stream_options":null}"#, "'stream_options' is given twice"),
        (
            r#"{"model":"a","stream_options":{"include_usage":true,"include_usage":false}}"#,
            "'stream_options.include_usage' is given twice",
        ),
        ("{}", "'model' is missing"),
        (r#"{"messages":[{"model":"no"}]}"#, "'model' is missing"),
        (r#"{"model":null}"#, "'model' must be a string"),
        (r#"{"model":["a"]}"#, "'model' must be a string"),
        (r#"{"model":"a","stream":"true"}"#, "'stream' must be true or false"),
        (r#"{"model":"a","stream":1}"#, "'stream' must be true or false"),
        (r#"{"model":"a","stream_options":true}"#, "'stream_options' must be an object"),
        (
            r#"{"model":"a","stream_options":{"include_usage":"yes"}}"#,
            "'stream_options.include_usage' must be true or false",
        ),
    ] {
        let refusal = read(body).unwrap_err();
        assert_eq!((refusal.kind, refusal.public.as_ref()), (Kind::BadRequest, public), "{body}");
        let answer = openai::refusal(&refusal);
        assert_eq!(answer.status, 400);
        let told: Value = serde_json::from_slice(&whole(answer.body)).unwrap();
        let param = public.split('\'').nth(1).unwrap();
        assert_eq!(
            told,
            json!({"error": {"message": public, "type": "invalid_request_error", "param": param, "code": "bad_request"}})
        );
    }
}

#[test]
fn what_is_not_one_plain_json_object_is_refused() {
    let deep = format!(r#"{{"model":"a","x":{}{}}}"#, "[".repeat(600), "]".repeat(600));
    let long = format!(r#"{{"model":"{}"}}"#, "m".repeat(1025));
    for body in [
        "",
        "[]",
        "null",
        r#""model""#,
        r#"{"model":"a""#,
        r#"{"model":"a"} x"#,
        r#"{"model":"a",}"#,
        r#"{"model":"a","x":NaN}"#,
        r#"{"model":"\ud800"}"#,
        r#"{"model":"a","x":1,"x":2}"#,
        r#"{'model':'a'}"#,
        "\u{feff}{\"model\":\"a\"}",
        &deep,
        &long,
    ] {
        assert_eq!(read(body).unwrap_err().kind, Kind::BadRequest, "{body:.60}");
    }
    let latin = Head::read(&Fields::new(), b"{\"model\":\"a\",\"x\":\"\xe9\"}", &LIMITS);
    assert_eq!(latin.unwrap_err().kind, Kind::BadRequest);
}

#[test]
fn a_body_with_a_content_encoding_is_refused() {
    let mut headers = Fields::new();
    headers.insert("content-encoding", http::HeaderValue::from_static("gzip"));
    let refusal = Head::read(&headers, br#"{"model":"a"}"#, &LIMITS).unwrap_err();
    assert_eq!(refusal.kind, Kind::UnsupportedEncoding);
}

#[test]
fn without_a_change_the_same_bytes_go_on() {
    let body = r#" {"model": "m" , "x" : 1e0 }"#;
    assert_eq!(forward(body, None, false), body);
    assert_eq!(forward(body, Some("m"), false), body);
    let bytes = Bytes::from_static(br#"{"model":"m"}"#);
    let sluicegate_core::Body::Full(same) = read(r#"{"model":"m"}"#).unwrap().forward(&bytes, None, false) else {
        panic!("not one piece");
    };
    assert_eq!(same.as_ptr(), bytes.as_ptr());
}

#[test]
fn usage_is_asked_for_whatever_was_there() {
    for (body, asked) in [
        (r#"{"model":"m"}"#, r#"{"stream_options":{"include_usage":true},"model":"m"}"#),
        (r#"{ "model":"m", "stream_options": null}"#, r#"{ "model":"m", "stream_options": {"include_usage":true}}"#),
        (r#"{"stream_options":{ },"model":"m"}"#, r#"{"stream_options":{"include_usage":true },"model":"m"}"#),
        (
            r#"{"stream_options":{"include_obfuscation":false},"model":"m"}"#,
            r#"{"stream_options":{"include_usage":true,"include_obfuscation":false},"model":"m"}"#,
        ),
        (
            r#"{"model":"m","stream_options":{"include_usage" : false}}"#,
            r#"{"model":"m","stream_options":{"include_usage" : true}}"#,
        ),
        (
            r#"{"model":"m","stream_options":{"include_usage":null}}"#,
            r#"{"model":"m","stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"model":"m","stream_options":{"include_usage":true}}"#,
            r#"{"model":"m","stream_options":{"include_usage":true}}"#,
        ),
    ] {
        assert_eq!(forward(body, None, true), asked);
        assert_eq!(forward(body, Some("n"), true), asked.replace(r#""m""#, r#""n""#));
    }
}

#[test]
fn paths() {
    let ask = |method: Method, path: &str| openai::ask(&method, path);
    for (path, expected) in [
        ("/v1/chat/completions", Path::Chat),
        ("/v1/completions", Path::Complete),
        ("/v1/responses/", Path::Respond),
        ("/v1/embeddings", Path::Embed),
    ] {
        assert_eq!(ask(Method::POST, path).unwrap().unwrap(), expected);
        assert_eq!(ask(Method::GET, path).unwrap().unwrap_err().kind, Kind::MethodNotAllowed);
        assert_eq!(path.trim_end_matches('/'), expected.as_str());
        assert!(expected.names_model_in_body());
    }
    assert_eq!(ask(Method::GET, "/v1/models").unwrap().unwrap(), Path::Models);
    assert_eq!(ask(Method::GET, "/v1/models/").unwrap().unwrap(), Path::Models);
    assert_eq!(ask(Method::GET, "/v1/models/a%20b:c/").unwrap().unwrap(), Path::Model("a b:c".to_owned()));
    let wrong = ask(Method::DELETE, "/v1/models/a").unwrap().unwrap_err();
    assert_eq!(openai::refusal(&wrong).headers.get("allow").unwrap(), "GET");
    for path in ["/v1", "/v1/", "/v1/files", "/v1//models", "/v1/models//", "/v1/models/a/b", "/v1/chat", "/v1/Models"]
    {
        assert_eq!(ask(Method::GET, path).unwrap().unwrap_err().kind, Kind::NoSuchPath, "{path}");
    }
    for path in ["/v1/models/%2e%2e", "/v1/models/a%2Fb", "/v1/models/%", "/v1/models/%ff", "/v1/models/a%0a"] {
        assert_eq!(ask(Method::GET, path).unwrap().unwrap_err().kind, Kind::BadRequest, "{path}");
    }
    for path in ["/", "/v10/models", "/v2/models", "/chat/completions", "/openai/v1/models"] {
        assert!(ask(Method::GET, path).is_none(), "{path}");
    }
}

/// Any JSON value.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Few digits: the reader that compares is not exact in the last one.
        any::<i16>().prop_map(|value| Value::from(f64::from(value) / 8.0)),
        any::<String>().prop_map(Value::from),
        Just(Value::from("\"model\":\"x\",\"stream\":true}")),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let key = prop_oneof![any::<String>(), Just("model".to_owned()), Just("usage".to_owned())];
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(key, inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Members of an object, none of which the gateway knows.
fn members() -> impl Strategy<Value = Vec<(String, Value)>> {
    let known = ["model", "stream", "stream_options"];
    let key = any::<String>().prop_filter("unknown", move |key| !known.contains(&key.as_str()));
    btree_map(key, value(), 0..5).prop_map(|map| map.into_iter().collect())
}

fn written(members: &[(String, Value)], pretty: bool) -> Vec<String> {
    let value =
        |value| if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) }.unwrap();
    members.iter().map(|(key, one)| format!("{}:{}", json!(key), value(one))).collect()
}

proptest! {
    #[test]
    fn rewriting_the_model_changes_nothing_else(
        members in members(),
        place in any::<prop::sample::Index>(),
        old in any::<String>(),
        new in any::<String>(),
        pretty in any::<bool>(),
    ) {
        prop_assume!(old != new && old.len() < 1000);
        let parts = written(&members, pretty);
        let place = place.index(parts.len() + 1);
        let (before, after) = parts.split_at(place);
        let before: String = before.iter().map(|part| format!("{part} , ")).collect();
        let after: String = after.iter().map(|part| format!("\n, {part}")).collect();
        let body = format!("{{{before}\"model\" : {}{after}}}", json!(old));
        prop_assert_eq!(&read(&body).unwrap().model, &old);

        let changed = forward(&body, Some(&new), false);
        let (start, end) = (format!("{{{before}\"model\" : "), format!("{after}}}"));
        let middle = changed.strip_prefix(&start).and_then(|rest| rest.strip_suffix(&end));
        let middle: String = serde_json::from_str(middle.unwrap()).unwrap();
        prop_assert_eq!(&middle, &new);
        let mut expected: Value = serde_json::from_str(&body).unwrap();
        expected["model"] = Value::from(new);
        prop_assert_eq!(serde_json::from_str::<Value>(&changed).unwrap(), expected);
    }

    #[test]
    fn asking_for_usage_changes_nothing_else(
        members in members(),
        options in prop_oneof![
            Just(None), Just(Some(Value::Null)), Just(Some(json!({}))), Just(Some(json!({"include_usage": false}))),
            Just(Some(json!({"a": [1], "include_usage": null, "z": {"include_usage": 5}}))),
            Just(Some(json!({"include_obfuscation": true}))), Just(Some(json!({"include_usage": true, "z": 1}))),
        ],
        pretty in any::<bool>(),
    ) {
        let mut object: serde_json::Map<String, Value> = members.into_iter().collect();
        object.insert("model".to_owned(), Value::from("m"));
        if let Some(options) = options {
            object.insert("stream_options".to_owned(), options);
        }
        let body = Value::Object(object);
        let text = if pretty { format!("{body:#}") } else { body.to_string() };
        let mut expected = body;
        if !expected["stream_options"].is_object() {
            expected["stream_options"] = json!({});
        }
        expected["stream_options"]["include_usage"] = Value::Bool(true);
        let asked = forward(&text, None, true);
        prop_assert_eq!(serde_json::from_str::<Value>(&asked).unwrap(), expected);
        prop_assert!(read(&asked).unwrap().include_usage);
    }

    #[test]
    fn no_body_is_read_otherwise_than_by_another_reader(body in value()) {
        match read(&body.to_string()) {
            Ok(head) => prop_assert_eq!(Some(head.model.as_str()), body["model"].as_str()),
            Err(refusal) => {
                prop_assert_eq!(refusal.kind, Kind::BadRequest);
                let plain = body.get("model").is_some_and(Value::is_string)
                    && body.get("stream").is_none()
                    && body.get("stream_options").is_none();
                prop_assert!(!plain, "{} was refused: {}", body, refusal);
            }
        }
    }
}
