use http::{Request, Version};
use sluicegate_core::{Kind, RequestHead};

use super::check;
use crate::limits::Limits;

/// Kind of the refusal, or `None` where the head passes.
fn verdict(request: http::request::Builder) -> Option<Kind> {
    let (parts, ()) = request.body(()).unwrap().into_parts();
    check(&mut parts.into(), &Limits::default()).err().map(|refusal| refusal.kind)
}

fn get(target: &str) -> http::request::Builder {
    Request::get(target).header("host", "a")
}

#[test]
fn origin_and_absolute_form_pass() {
    assert_eq!(verdict(get("/v2/models/iris?x=1")), None);
    assert_eq!(verdict(get("http://a/v2")), None);
}

#[test]
fn what_names_the_host_beside_the_path_is_kept() {
    let request = Request::get("http://models.example.com:1/v2").version(Version::HTTP_2).body(()).unwrap();
    let mut head: RequestHead = request.into_parts().0.into();
    check(&mut head, &Limits::default()).unwrap();
    assert_eq!((head.uri.to_string().as_str(), head.host()), ("/v2", Some("models.example.com")));
}

#[test]
fn h_17_names_of_fields_have_an_end() {
    assert_eq!(verdict(get("/").header("x".repeat(255), "1")), None);
    assert_eq!(verdict(get("/").header("x".repeat(256), "1")), Some(Kind::HeadTooLarge));
}

#[test]
fn other_forms_are_refused() {
    assert_eq!(verdict(get("*")), Some(Kind::BadPath));
    assert_eq!(verdict(get("a:80")), Some(Kind::BadPath));
    assert_eq!(verdict(get("ftp://a/v2")), Some(Kind::BadPath));
    assert_eq!(verdict(get("/v2/../x")), Some(Kind::BadPath));
}

#[test]
fn h_11_exactly_one_host() {
    assert_eq!(verdict(Request::get("/")), Some(Kind::BadHost));
    assert_eq!(verdict(get("/").header("host", "a")), Some(Kind::BadHost));
    assert_eq!(verdict(get("/").header("host", "a").version(Version::HTTP_10)), Some(Kind::BadHost));
    assert_eq!(verdict(Request::get("/").version(Version::HTTP_10)), None);
    assert_eq!(verdict(Request::get("http://a/").version(Version::HTTP_2)), None);
    assert_eq!(verdict(Request::get("/").version(Version::HTTP_2)), Some(Kind::BadHost));
    for host in [
        "",
        "a/b",
        "a?b",
        "a#b",
        "a b",
        "u@a",
        "a,b",
        "[::1",
        "[::1]x",
        "a:b",
        "a:123456",
        "a:65536",
        "a:+1",
        "[a]",
        "[1.2.3.4]",
        ":80",
        "\u{e4}",
        "a\\b",
        "[x]",
    ] {
        assert_eq!(verdict(Request::get("/").header("host", host)), Some(Kind::BadHost), "{host:?}");
    }
    for host in ["a", "a.example:8080", "127.0.0.1", "[::1]:80", "my_service", "a:"] {
        assert_eq!(verdict(Request::get("/").header("host", host)), None, "{host:?}");
    }
}

#[test]
fn h_12_the_target_names_the_same_host() {
    assert_eq!(verdict(Request::get("http://b/").header("host", "a")), Some(Kind::BadHost));
    assert_eq!(verdict(Request::get("http://A/").header("host", "a")), None);
    assert_eq!(verdict(Request::get("http://u@a/").version(Version::HTTP_2)), Some(Kind::BadHost));
    let (parts, ()) = Request::get("http://a/v2/%69?x").header("host", "a").body(()).unwrap().into_parts();
    let mut parts = RequestHead::from(parts);
    check(&mut parts, &Limits::default()).unwrap();
    assert_eq!(parts.uri, "/v2/i?x", "only the canonical path is left");
}

#[test]
fn h_20_one_credential() {
    for (one, other) in [
        ("authorization", "authorization"),
        ("authorization", "api-key"),
        ("x-api-key", "api-key"),
        ("api-key", "api-key"),
    ] {
        let both = get("/").header(one, "x").header(other, "y");
        assert_eq!(verdict(both), Some(Kind::AmbiguousCredentials), "{one} {other}");
        assert_eq!(verdict(get("/").header(one, "x")), None);
    }
}

#[test]
fn fields_of_one_value_are_there_once() {
    for name in ["content-type", "user-agent", "inference-header-content-length", "x-request-id"] {
        assert_eq!(verdict(get("/").header(name, "1").header(name, "1")), Some(Kind::BadRequest), "{name}");
    }
    assert_eq!(verdict(get("/").header("accept", "a").header("accept", "b")), None);
}

#[test]
fn h_22_methods() {
    assert_eq!(verdict(get("/").method("TRACE")), Some(Kind::MethodNotAllowed));
    assert_eq!(verdict(get("a:80").method("CONNECT")), Some(Kind::MethodNotAllowed));
    for method in ["get", "Get", "G.T", &"G".repeat(10_000)] {
        assert_eq!(verdict(get("/").method(method)), Some(Kind::BadRequest), "{method}");
    }
    assert_eq!(verdict(get("/").method("M-SEARCH")), None, "what is not known is refused behind the door, by its path");
}

#[test]
fn fields_are_counted_also_repeated_ones() {
    let crumbs = (0..Limits::default().headers).fold(get("/"), |request, _| request.header("cookie", "a=b"));
    assert_eq!(verdict(crumbs), Some(Kind::HeadTooLarge));
}
