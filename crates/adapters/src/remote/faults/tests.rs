//! What real servers say, and what it is taken for.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use sluicegate_core::{CallClass, CallError, Endpoint, Fields};

use super::{from_status, lacks_path};

fn endpoint() -> Endpoint {
    Endpoint { authority: Arc::from("10.0.0.9:8080"), prefix: Arc::from(""), host: None, tls: None }
}

fn judge(status: u16, body: &str) -> CallError {
    from_status("oip-rest", StatusCode::from_u16(status).unwrap(), &Fields::new(), body.as_bytes(), &endpoint())
}

#[test]
fn statuses_and_texts_of_servers_have_their_class() {
    use CallClass::{Client, NotFound, NotReady, Pushback, Server};
    for (status, body, class, public) in [
        // MLServer
        (404, r#"{"error":"Model iris not found"}"#, NotFound, Some("Model iris not found")),
        (400, r#"{"error":"Invalid input to iris"}"#, Client, Some("Invalid input to iris")),
        (
            422,
            r#"{"detail":[{"loc":["body","inputs"],"msg":"field required","input":"secret"}]}"#,
            Client,
            Some("body.inputs: field required"),
        ),
        (500, "Internal Server Error", Server, None),
        (404, r#"{"detail":"Not Found"}"#, Server, Some("Not Found")),
        // Triton
        (
            404,
            r#"{"error":"Request for unknown model: 'x' is not found"}"#,
            NotFound,
            Some("Request for unknown model: 'x' is not found"),
        ),
        (
            400,
            r#"{"error":"Request for unknown model: 'x' is not found"}"#,
            NotFound,
            Some("Request for unknown model: 'x' is not found"),
        ),
        (
            400,
            r#"{"error":"Request for model 'x' is not ready"}"#,
            NotReady,
            Some("Request for model 'x' is not ready"),
        ),
        (500, r#"{"error":"wrong count"}"#, Server, Some("wrong count")),
        (503, r#"{"error":"Exceeds maximum queue size"}"#, Pushback, Some("Exceeds maximum queue size")),
        // KServe
        (503, r#"{"error":"Model with name x is not ready."}"#, NotReady, Some("Model with name x is not ready.")),
        // Others
        (404, "", NotFound, None),
        (404, "<html>not found</html>", Server, None),
        (405, "", Server, None),
        (413, "", Client, None),
        (429, "", Pushback, None),
        (503, "", Pushback, None),
        (502, "<html>", Server, None),
    ] {
        let error = judge(status, body);
        assert_eq!((error.class, error.public.as_deref()), (class, public), "{status} {body}");
        assert_eq!(error.status, Some(status));
    }
}

#[test]
fn what_concerns_the_operator_is_not_told_to_clients() {
    for status in [301, 307, 401, 403, 407] {
        let error = judge(status, r#"{"error":"model key wrong"}"#);
        assert_eq!((error.class, error.public, error.status), (CallClass::Server, None, None), "{status}");
        assert!(error.cause.contains(&status.to_string()), "{}", error.cause);
    }
}

#[test]
fn addresses_stay_with_the_operator() {
    let error = judge(400, r#"{"error":"upstream http://10.0.0.7:9/x failed"}"#);
    assert_eq!(error.public.as_deref(), Some("upstream (address) failed"));
    assert!(error.cause.starts_with("10.0.0.9:8080 answered 400"), "{}", error.cause);
}

#[test]
fn retry_after_is_read_in_seconds_and_bounded() {
    for (value, expected) in [
        ("7", Some(Duration::from_secs(7))),
        ("99999999999", Some(Duration::from_secs(86400))),
        ("-1", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ] {
        let mut headers = Fields::new();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(value));
        let error = from_status("oip-rest", StatusCode::SERVICE_UNAVAILABLE, &headers, b"", &endpoint());
        assert_eq!(error.retry_after, expected, "{value}");
    }
}

#[test]
fn a_missing_path_is_not_a_missing_model() {
    assert!(lacks_path(StatusCode::METHOD_NOT_ALLOWED, b""));
    assert!(lacks_path(StatusCode::NOT_IMPLEMENTED, b""));
    assert!(lacks_path(StatusCode::NOT_FOUND, br#"{"detail":"Not Found"}"#));
    assert!(!lacks_path(StatusCode::NOT_FOUND, br#"{"error":"Model x not found"}"#));
    assert!(!lacks_path(StatusCode::NOT_FOUND, b""));
    assert!(!lacks_path(StatusCode::OK, b""));
}
