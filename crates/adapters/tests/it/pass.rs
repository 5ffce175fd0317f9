//! The client's own bytes through to the server, and the server's back.

use http::{HeaderName, HeaderValue, StatusCode};
use sluicegate_core::fields::Name;
use sluicegate_core::{Body, BodyError, CallClass, Fields, Protocol, Sent};
use sluicegate_testkit::{Ended, Event, Script, Step};

use crate::support::{Backend, breaking, bytes, streamed, unending};

const ALWAYS: &[(&str, &str)] = &[("binary", "always")];

fn headers(pairs: &[(&'static str, &'static str)]) -> Fields {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

#[tokio::test]
async fn bytes_pass_unread_both_ways() {
    let answer = b"\x00\xff not even JSON".to_vec();
    let backend = Backend::new(Script::always(Script::response("200 OK", &[], answer.clone())), ALWAYS).await;
    assert_eq!(backend.upstream.native(), Some(Protocol::OipRest));
    let sent = headers(&[
        ("content-type", "application/octet-stream"),
        ("inference-header-content-length", "7"),
        ("x-request-id", "r-1"),
        ("traceparent", "00-1-2-01"),
        ("accept-encoding", "gzip"),
    ]);
    let response = backend.pass(streamed(&["{\"a\":1}", "\u{1}tail"]), sent).await.unwrap();
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(bytes(response.body).await.unwrap(), answer);
    let text = backend.server.recorder().text(0);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v2/models/echo/infer HTTP/1.1\r\n"), "{head}");
    for line in [
        "content-type: application/octet-stream",
        "inference-header-content-length: 7",
        "x-request-id: r-1",
        "traceparent: 00-1-2-01",
        "transfer-encoding: chunked",
    ] {
        assert!(head.lines().any(|one| one == line), "{line} is not in {head}");
    }
    assert!(!head.contains("accept-encoding"), "{head}");
    assert_eq!(body, "7\r\n{\"a\":1}\r\n5\r\n\u{1}tail\r\n0\r\n\r\n");
}

#[tokio::test]
async fn headers_of_the_server_and_of_the_connection_stay_behind() {
    let answer = Script::response(
        "200 OK",
        &[
            ("content-type", "application/json"),
            ("inference-header-content-length", "2"),
            ("connection", "keep-alive, x-hop"),
            ("keep-alive", "timeout=5"),
            ("x-hop", "1"),
            ("server", "uvicorn"),
            ("set-cookie", "a=b"),
            ("access-control-allow-origin", "*"),
            ("x-envoy-upstream-service-time", "3"),
            ("x-request-id", "theirs"),
            ("x-build", "7"),
        ],
        "{}",
    );
    let backend = Backend::new(Script::always(answer), ALWAYS).await;
    let response = backend.pass(Body::from("{}".to_owned()), Fields::new()).await.unwrap();
    let mut names: Vec<&str> = response.headers.names().map(Name::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-type", "inference-header-content-length", "x-build"]);
}

#[tokio::test]
async fn an_error_keeps_its_status_and_body_less_addresses() {
    let told = Script::json("400 Bad Request", r#"{"error":"no 'x', asked http://10.9.8.7:1/a"}"#);
    let backend = Backend::new(Script::always(told), ALWAYS).await;
    let response = backend.pass(Body::from("{}".to_owned()), Fields::new()).await.unwrap();
    assert_eq!(response.status, StatusCode::BAD_REQUEST);
    assert_eq!(response.headers.get("content-type").unwrap(), "application/json");
    assert_eq!(bytes(response.body).await.unwrap(), r#"{"error":"no 'x', asked (address)"}"#);
}

#[tokio::test]
async fn redirects_and_refusals_of_the_gateway_itself_are_not_handed_on() {
    for status in ["302 Found", "401 Unauthorized", "403 Forbidden"] {
        let answer = Script::response(status, &[("location", "http://10.0.0.1/")], "secret");
        let backend = Backend::new(Script::always(answer), ALWAYS).await;
        let error = backend.pass(Body::Empty, Fields::new()).await.unwrap_err();
        assert_eq!((error.class, error.status, error.public), (CallClass::Server, None, None), "{status}");
        assert_eq!(backend.server.recorder().connections(), 1);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_in_the_middle_breaks_its_body() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort";
    let backend = Backend::new(Script::once(cut), ALWAYS).await;
    let response = backend.pass(Body::Empty, Fields::new()).await.unwrap();
    assert!(matches!(bytes(response.body).await, Err(BodyError::Broken(_))));
}

#[tokio::test]
async fn a_dropped_answer_closes_the_connection_to_the_server() {
    let never = Event::new();
    let part = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello";
    let script = Script::new().then(Step::ReadRequest).send(part).then(Step::Wait(never));
    let backend = Backend::new(script, ALWAYS).await;
    let response = backend.pass(Body::Empty, Fields::new()).await.unwrap();
    drop(response);
    assert_eq!(backend.server.recorder().wait_ended(0).await, Ended::ByClient);
}

#[tokio::test]
async fn a_client_that_breaks_off_is_not_the_servers_fault() {
    let backend = Backend::new(Script::new().then(Step::ReadToEnd), ALWAYS).await;
    let came = Event::new();
    let arrived = async {
        backend.server.recorder().wait_text(0, "some").await;
        came.release();
    };
    let body = breaking("some", &came, BodyError::Broken("gone".to_owned()));
    let (result, ()) = tokio::join!(backend.pass(body, Fields::new()), arrived);
    let error = result.unwrap_err();
    assert_eq!((error.class, error.sent), (CallClass::Client, Sent::Partial));
}

#[tokio::test]
async fn a_refused_connection_is_safe_to_send_elsewhere() {
    let backend = Backend::new(Script::new(), ALWAYS).await;
    let Backend { server, upstream, endpoint, clock } = backend;
    drop(server);
    crate::support::settle().await;
    let server = sluicegate_testkit::Upstream::start(Script::new()).await;
    let backend = Backend { server, upstream, endpoint, clock };
    let error = backend.pass(unending(&[]), Fields::new()).await.unwrap_err();
    assert_eq!((error.class, error.sent), (CallClass::Transport, Sent::Nothing));
    assert_eq!(error.public, None);
}
