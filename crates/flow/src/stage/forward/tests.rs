//! What passes and what does not, in either spelling.

use http::{HeaderName, HeaderValue};
use http_body_util::BodyExt as _;
use sluicegate_core::Fields;
use sluicegate_core::{Body, Metadata, Outbound, Protocol};

use super::{Content, FAMILIES, LONGEST, back, onward};

fn passed(fields: &[(&'static str, &'static str)]) -> Vec<String> {
    let mut from = Fields::new();
    for (name, value) in fields {
        from.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let mut to = Fields::new();
    onward(&from, Content::Anew, &mut to);
    to.iter().map(|(name, value)| format!("{name}: {}", value.as_str().unwrap())).collect()
}

#[test]
fn a_models_own_fields_pass_and_the_gateways_affairs_do_not() {
    for kept in [
        "authorization",
        "cookie",
        "x-api-key",
        "x_api_key",
        "api-key",
        "proxy-authorization",
        "proxy_authorization",
        "x-forwarded-for",
        "x_forwarded_for",
        "forwarded",
        "x-real-ip",
        "x_real_ip",
        "x-envoy-original-path",
        "x-sluicegate-anything",
        "sluicegate_model",
        "x-sluicegate_user",
        "content-type",
        "content-length",
        "content_length",
        "te",
        "accept-encoding",
        "grpc-timeout",
        "grpc-anything-bin",
        "host",
        "transfer-encoding",
        "x-request-id",
        "traceparent",
        "tracestate",
        "seldon-model",
        "mm-model-id-bin",
        "serve_multiplexed_model_id",
        "triton_grpc_error",
        "if-match",
        "sec-fetch-mode",
    ] {
        assert_eq!(passed(&[(kept, "x")]), Vec::<String>::new(), "{kept}");
    }
    let free = [
        ("x-tenant-hint", "a"),
        ("x-tenant-hint", "b"),
        ("x_model_note", "c"),
        ("user-agent", "d"),
        ("accept-language", "e"),
        ("payload-bin", "AAEC/w=="),
        ("x-forwardedness", "f"),
        ("authorization-note", "g"),
    ];
    let lines: Vec<String> = free.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let mut told = passed(&free);
    told.sort();
    let mut wanted = lines;
    wanted.sort();
    assert_eq!(told, wanted);
}

#[test]
fn what_a_connection_names_is_its_own() {
    let fields = [("connection", "close, X-Hop"), ("x-hop", "1"), ("x-other", "2")];
    assert_eq!(passed(&fields), ["x-other: 2"]);
    assert_eq!(passed(&[("connection", "keep-alive"), ("x-hop", "1")]), ["x-hop: 1"]);
}

#[test]
fn long_names_with_underscores_are_read_as_far_as_it_matters() {
    assert!(FAMILIES.iter().all(|family| family.len() < LONGEST));
    assert_eq!(
        passed(&[("x_forwarded_for_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "1")]).len(),
        0
    );
    assert_eq!(
        passed(&[("a_note_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "1")]).len(),
        1
    );
}

#[test]
fn ids_that_are_there_stay() {
    let mut from = Fields::new();
    from.insert("x-request-id", HeaderValue::from_static("forged"));
    let mut to = Fields::new();
    to.insert("x-request-id", HeaderValue::from_static("ours"));
    onward(&from, Content::Anew, &mut to);
    assert_eq!(to.get_all("x-request-id").collect::<Vec<_>>(), ["ours"]);
}

fn around() -> Option<Box<Metadata>> {
    let mut metadata = Metadata::default();
    for value in ["1", "2"] {
        metadata.head.append("x-first", HeaderValue::from_static(value));
        metadata.trailers.append("x-last", HeaderValue::from_static(value));
    }
    metadata.trailers.insert("grpc-status-details-bin", HeaderValue::from_static("AAE"));
    Some(Box::new(metadata))
}

#[tokio::test]
async fn trailers_stand_behind_the_body_where_clients_look_there() {
    let trailers = Fields::from_iter([("grpc-status", HeaderValue::from_static("0"))]);
    let inner = Body::with_trailers([bytes::Bytes::from_static(b"x")], trailers);
    let answer = back(Outbound::new(inner), around(), Protocol::OipGrpc);
    assert_eq!(answer.headers.get_all("x-first").count(), 2);
    let whole = answer.body.collect().await.unwrap();
    let trailers = whole.trailers().unwrap();
    assert_eq!((trailers["grpc-status"].as_bytes(), trailers.get_all("x-last").iter().count()), (&b"0"[..], 2));
    assert!(trailers.contains_key("grpc-status-details-bin"));

    let answer = back(Outbound::new(Body::from("x".to_owned())), around(), Protocol::OipRest);
    assert_eq!(answer.headers.get_all("x-last").collect::<Vec<_>>(), ["1", "2"]);
    assert!(!answer.headers.contains("grpc-status-details-bin"));
}
