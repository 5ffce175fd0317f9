//! Paths of the Open Inference Protocol.

use http::Method;
use sluicegate_core::{BackendModel, Kind, Operation};
use sluicegate_wire::oip_rest::client;

use crate::bytes_of::{oip, show};

/// Operation, model and version as text, or the refusal.
fn ask(method: &Method, path: &str) -> String {
    match (oip().ask)(method, path) {
        None => "not of this protocol".into(),
        Some(Err(refusal)) => refusal.to_string(),
        Some(Ok(asked)) => {
            let part = |part: Option<String>| part.unwrap_or_else(|| "-".into());
            format!("{} {} {}", asked.operation.as_str(), part(asked.model), part(asked.version))
        }
    }
}

#[test]
fn every_path_with_and_without_version_and_trailing_slash() {
    for (method, path, expected) in [
        (Method::GET, "/v2", "server_metadata - -"),
        (Method::GET, "/v2/health/live", "server_live - -"),
        (Method::GET, "/v2/health/ready", "server_ready - -"),
        (Method::GET, "/v2/models/m", "metadata m -"),
        (Method::GET, "/v2/models/m/ready", "ready m -"),
        (Method::POST, "/v2/models/m/infer", "infer m -"),
        (Method::GET, "/v2/models/m/versions/1", "metadata m 1"),
        (Method::GET, "/v2/models/m/versions/1/ready", "ready m 1"),
        (Method::POST, "/v2/models/m/versions/1/infer", "infer m 1"),
        (Method::GET, "/v2/models/m/config", "config m -"),
        (Method::GET, "/v2/models/m/versions/1/config", "config m 1"),
        (Method::GET, "/v2/models/m/stats", "statistics m -"),
        (Method::GET, "/v2/models/m/versions/1/stats", "statistics m 1"),
        (Method::GET, "/v2/models/stats", "statistics - -"),
        (Method::GET, "/v2/models/stats/versions/1", "metadata stats 1"),
        (Method::GET, "/v2/models", "names - -"),
        (Method::POST, "/v2/repository/index", "index - -"),
    ] {
        assert_eq!(ask(&method, path), expected, "{path}");
        assert_eq!(ask(&method, &format!("{path}/")), expected, "{path}/");
        assert_eq!(ask(&method, &format!("{path}//")), "no_such_path: no such path in the Open Inference Protocol v2");
    }
}

#[test]
fn names_are_decoded_once() {
    for (segment, name) in [
        ("a%20b", "a b"),
        ("%C3%A9", "é"),
        ("a%252Fb", "a%2Fb"),
        ("%25", "%"),
        ("m:1@x", "m:1@x"),
        ("%3Apredict", ":predict"),
        ("%2e%2e%2e", "..."),
        ("health", "health"),
        ("versions", "versions"),
    ] {
        assert_eq!(ask(&Method::GET, &format!("/v2/models/{segment}")), format!("metadata {name} -"));
        assert_eq!(ask(&Method::GET, &format!("/v2/models/m/versions/{segment}")), format!("metadata m {name}"));
    }
}

#[test]
fn names_that_another_hop_could_read_otherwise_are_refused() {
    for (segment, why) in [
        ("a%2Fb", "holds a slash"),
        ("a%2fb", "holds a slash"),
        ("a%5Cb", "holds a slash"),
        ("a\\b", "holds a slash"),
        ("a%00", "holds a control character"),
        ("a%0d%0ab", "holds a control character"),
        ("a%7f", "holds a control character"),
        ("a%C2%85", "holds a control character"),
        (".", "is a relative path"),
        ("%2e%2E", "is a relative path"),
        ("100%", "holds a '%' that is no escape"),
        ("%4", "holds a '%' that is no escape"),
        ("%+1", "holds a '%' that is no escape"),
        ("%ff", "is not UTF-8"),
    ] {
        let path = format!("/v2/models/{segment}/ready");
        assert_eq!(ask(&Method::GET, &path), format!("bad_request: the model name in the path {why}"));
        let path = format!("/v2/models/m/versions/{segment}");
        assert_eq!(ask(&Method::GET, &path), format!("bad_request: the version in the path {why}"));
    }
}

#[test]
fn paths_that_do_not_exist() {
    for path in [
        "/v2//",
        "/v2/models//infer",
        "/v2/models/m//infer",
        "/v2/models/m/versions",
        "/v2/models/m/versions/",
        "/v2/models/m/versions//infer",
        "/v2/models/m/versions/1/infer/x",
        "/v2/models/m/explain",
        "/v2/health",
        "/v2/repository",
        "/v2/repository/index/x",
        "/v2/models/m/stats/x",
        "/v2/models/m/versions/1/stats/x",
        "/v2/%6Dodels/m",
        "/v2/Models/m",
    ] {
        assert_eq!(ask(&Method::GET, path), "no_such_path: no such path in the Open Inference Protocol v2", "{path}");
    }
    for path in ["/", "", "/v1/models/m", "/v22", "/v2x/models/m", "v2/models/m"] {
        assert_eq!(ask(&Method::GET, path), "not of this protocol", "{path}");
    }
}

#[test]
fn a_wrong_method_is_told_the_right_one() {
    let refusal = (oip().ask)(&Method::GET, "/v2/models/m/infer").unwrap().unwrap_err();
    assert_eq!(refusal.kind, Kind::MethodNotAllowed);
    insta::assert_snapshot!(show((oip().encode_refusal)(&refusal)), @r#"
    405
    allow: POST
    content-type: application/json
    {"error":"this path takes POST"}
    "#);
    for method in [Method::POST, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let refusal = (oip().ask)(&method, "/v2/models/m").unwrap().unwrap_err();
        assert_eq!((oip().encode_refusal)(&refusal).headers.get("allow").unwrap(), "GET");
    }
}

#[test]
fn a_backends_paths_are_escaped_and_read_back() {
    let model = BackendModel { name: "a b/c:é?#%".into(), version: None };
    assert_eq!(client::infer_path(&model), "/v2/models/a%20b%2Fc%3A%C3%A9%3F%23%25/infer");
    let model = BackendModel { name: "iris-1.x_~".into(), version: Some("2 b".into()) };
    assert_eq!(client::metadata_path(&model), "/v2/models/iris-1.x_~/versions/2%20b");
    assert_eq!(client::ready_path(&model), "/v2/models/iris-1.x_~/versions/2%20b/ready");
    let asked = (oip().ask)(&Method::GET, &client::ready_path(&model)).unwrap().unwrap();
    assert_eq!((asked.operation, asked.version.as_deref()), (Operation::Ready, Some("2 b")));
}
