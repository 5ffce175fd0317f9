//! Refusals in the protocol's form: as an answer, and as an event in a stream that has begun.

use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use sluicegate_core::{Kind, Outbound, Refusal};

use super::head::PARAMETERS;
use super::stream::StreamForm;
use crate::oip_rest::{TAKES_GET, TAKES_POST};
use crate::{document, sse};

/// Writes a refusal as `{"error": {"message", "type", "param", "code"}}`. The code is the refusal's label.
#[must_use]
pub fn refusal(refusal: &Refusal) -> Outbound {
    let status = StatusCode::from_u16(refusal.kind.facts().http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = Outbound::new(document(json!({ "error": described(refusal) })).into());
    answer.status = status;
    let headers = &mut answer.headers;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(seconds) = refusal.retry_after_seconds() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    // A 401 without it is none (RFC 9110, section 15.5.2).
    if refusal.kind == Kind::Unauthenticated {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if refusal.kind == Kind::MethodNotAllowed {
        match refusal.public.as_ref() {
            TAKES_GET => headers.insert(ALLOW, HeaderValue::from_static("GET")),
            TAKES_POST => headers.insert(ALLOW, HeaderValue::from_static("POST")),
            _ => {}
        }
    }
    answer
}

/// Writes a backend's error under the backend's status.
pub(super) fn error(refused: &Refusal, status: StatusCode) -> Outbound {
    let mut answer = refusal(refused);
    answer.status = status;
    answer
}

/// Writes the event that ends a stream which cannot go on. `sequence` is the number of the last event of a response.
pub(super) fn event(refusal: &Refusal, form: StreamForm, sequence: Option<u64>, out: &mut Vec<u8>) {
    match form {
        StreamForm::Chunks => sse::event(None, &document(json!({ "error": described(refusal) })), out),
        StreamForm::Response => {
            let told = json!({
                "type": "error",
                "code": refusal.kind.facts().label,
                "message": refusal.public,
                "param": parameter(refusal),
                "sequence_number": sequence.map_or(0, |last| last.saturating_add(1)),
            });
            sse::event(Some("error"), &document(told), out);
        }
    }
}

fn described(refusal: &Refusal) -> Value {
    json!({
        "message": refusal.public,
        "type": kind(refusal.kind.facts().http),
        "param": parameter(refusal),
        "code": refusal.kind.facts().label,
    })
}

const fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}

/// The parameter that the refusal's text names in front.
fn parameter(refusal: &Refusal) -> Option<&'static str> {
    let (named, _) = refusal.public.strip_prefix('\'')?.split_once('\'')?;
    PARAMETERS.iter().find(|known| **known == named).copied()
}
