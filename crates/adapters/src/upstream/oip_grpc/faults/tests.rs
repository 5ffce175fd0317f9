//! What servers' own words and codes are taken for.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use sluicegate_core::{CallClass, CallError, Endpoint, Fields, Sent};
use sluicegate_wire::grpc::status::{Code, Status};

use super::{PUSHBACK, from_status, in_band};

fn endpoint() -> Endpoint {
    Endpoint { authority: Arc::from("triton.internal:8001"), prefix: Arc::from(""), host: None, tls: None }
}

fn judged(code: Code, message: &str, pushback: Option<&'static str>) -> CallError {
    let mut trailers = Fields::new();
    if let Some(wait) = pushback {
        trailers.insert(PUSHBACK, HeaderValue::from_static(wait));
    }
    from_status(&Status { code, message: message.to_owned() }, &trailers, &endpoint()).error
}

#[test]
fn codes_and_words_have_their_class() {
    use CallClass::{Client, NotFound, NotReady, Pushback, Server, Timeout};
    for (code, message, class) in [
        (Code::NotFound, "Request for unknown model: 'x' is not found", NotFound),
        (Code::NotFound, "Model x not found", NotFound),
        (Code::InvalidArgument, "Request for unknown model: 'x' is not found", NotFound),
        (Code::InvalidArgument, "unexpected shape for input 'x' for model 'm'", Client),
        (Code::InvalidArgument, "Model x is not ready yet.", NotReady),
        (Code::Unavailable, "Request for unknown model: 'x' version 1 is not at ready state", NotReady),
        (Code::Unavailable, "Request for unknown model: 'x' has no available versions", NotReady),
        (Code::Unavailable, "Exceeds maximum queue size", Pushback),
        (Code::Unavailable, "", Pushback),
        (Code::ResourceExhausted, "too many requests", Pushback),
        (Code::ResourceExhausted, "Received message larger than max (5000000 vs. 4194304)", Client),
        (Code::Unimplemented, "ModelInfer RPC doesn't support models with decoupled transaction policy", Client),
        (Code::Unimplemented, "Method not found!", Server),
        (Code::DeadlineExceeded, "Deadline Exceeded", Timeout),
        (Code::FailedPrecondition, "validation failed", Client),
        (Code::OutOfRange, "", Client),
        (Code::AlreadyExists, "", Client),
        (Code::Internal, "CUDA error", Server),
        (Code::Unknown, "Exception calling application", Server),
        (Code::Unauthenticated, "no token", Server),
        (Code::PermissionDenied, "no", Server),
        (Code::Cancelled, "", Server),
        (Code::Aborted, "", Server),
        (Code::DataLoss, "", Server),
    ] {
        let error = judged(code, message, None);
        assert_eq!((error.class, error.sent), (class, Sent::All), "{} {message}", code.as_str());
    }
}

#[test]
fn what_clients_may_read_is_told_and_what_is_for_operators_is_not() {
    let error = judged(Code::InvalidArgument, "bad input, see http://10.0.0.1:8001/x\nor triton.internal:8001", None);
    assert_eq!(error.public.as_deref(), Some("bad input, see (address) or (address)"));
    assert_eq!(error.status, Some(400));
    let error = judged(Code::Internal, "", None);
    assert_eq!((error.public, error.status), (None, Some(500)));
    for (code, message) in [
        (Code::Unauthenticated, "token of gateway expired"),
        (Code::PermissionDenied, "no"),
        (Code::Unimplemented, "Method not found!"),
    ] {
        let error = judged(code, message, None);
        assert_eq!((error.public, error.status), (None, None), "{message}");
        assert!(error.cause.contains(message));
    }
}

#[test]
fn a_wait_is_honoured_where_trying_again_can_help() {
    let wait = |code, text| judged(code, "", Some(text)).retry_after;
    assert_eq!(wait(Code::Unavailable, "1500"), Some(Duration::from_millis(1500)));
    assert_eq!(wait(Code::ResourceExhausted, "0"), Some(Duration::ZERO));
    assert_eq!(wait(Code::Unavailable, "99999999999999"), Some(Duration::from_secs(86_400)));
    for text in ["-1", "", "x", "99999999999999999999999"] {
        assert_eq!(wait(Code::Unavailable, text), None, "{text}");
    }
    assert_eq!(wait(Code::InvalidArgument, "100"), None);
}

#[test]
fn errors_in_band_are_known_by_their_words() {
    for (message, class) in [
        ("Request for unknown model: 'x' is not found", CallClass::NotFound),
        ("Request for unknown model: 'x' version 3 is not at ready state", CallClass::NotReady),
        ("the model failed at 10.0.0.1:80", CallClass::Client),
    ] {
        let error = in_band(message, &endpoint());
        assert_eq!((error.class, error.sent), (class, Sent::All));
        assert!(!error.public.unwrap().contains("10.0.0.1"));
    }
}

#[test]
fn only_a_call_that_is_not_there_counts_as_lacking() {
    let lacks = |code, message: &str| {
        let status = Status { code, message: message.to_owned() };
        from_status(&status, &Fields::new(), &endpoint()).lacks_call()
    };
    assert!(lacks(Code::Unimplemented, "Method not found!"));
    assert!(!lacks(Code::Unimplemented, "decoupled models"));
    assert!(!lacks(Code::Internal, "UNIMPLEMENTED"));
}
