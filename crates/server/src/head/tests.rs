use http::{Request, Version};
use sluicegate_core::Kind;

use super::check;
use crate::limits::Limits;

/// Kind of the refusal, or `None` where the head passes.
fn verdict(request: http::request::Builder) -> Option<Kind> {
    let (parts, ()) = request.body(()).unwrap().into_parts();
    check(&parts, &Limits::default()).err().map(|refusal| refusal.kind)
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
fn other_forms_are_refused() {
    assert_eq!(verdict(get("*")), Some(Kind::BadRequest));
    assert_eq!(verdict(get("a:80")), Some(Kind::BadRequest));
}

#[test]
fn exactly_one_host() {
    assert_eq!(verdict(Request::get("/")), Some(Kind::BadRequest));
    assert_eq!(verdict(get("/").header("host", "a")), Some(Kind::BadRequest));
    assert_eq!(verdict(get("/").header("host", "a").version(Version::HTTP_10)), Some(Kind::BadRequest));
    assert_eq!(verdict(Request::get("/").version(Version::HTTP_10)), None);
    assert_eq!(verdict(Request::get("http://a/").version(Version::HTTP_2)), None);
    assert_eq!(verdict(Request::get("/").version(Version::HTTP_2)), Some(Kind::BadRequest));
}

#[test]
fn tunnels_and_echoes_are_refused() {
    assert_eq!(verdict(get("/").method("TRACE")), Some(Kind::MethodNotAllowed));
    assert_eq!(verdict(get("a:80").method("CONNECT")), Some(Kind::MethodNotAllowed));
}

#[test]
fn fields_are_counted_also_repeated_ones() {
    let crumbs = (0..Limits::default().headers).fold(get("/"), |request, _| request.header("cookie", "a=b"));
    assert_eq!(verdict(crumbs), Some(Kind::HeadTooLarge));
}
