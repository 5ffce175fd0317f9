//! Short answers: readiness, liveness and refusals.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;
use sluicegate_core::{Body, Fact, Kind, Outbound, Refusal};

use super::{headers, path};
use crate::document;
use crate::json::write;

/// Writes a JSON answer.
pub(super) fn json(status: StatusCode, body: impl Into<Body>) -> Outbound {
    let mut answer = Outbound::new(body.into());
    answer.status = status;
    answer.headers.insert(CONTENT_TYPE, headers::JSON);
    answer
}

/// 200 for yes and 503 for no, so that clients that only look at the status and balancers are both right.
const fn status_of(good: bool) -> StatusCode {
    if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// Writes whether the model `name` can answer.
pub(super) fn model_ready(name: &str, ready: bool) -> Outbound {
    json(status_of(ready), document(json!({ "name": name, "ready": ready })))
}

/// Writes whether the gateway runs.
pub(super) fn server_live(live: bool) -> Outbound {
    json(status_of(live), document(json!({ "live": live })))
}

/// Writes whether the gateway takes requests.
pub(super) fn server_ready(ready: bool) -> Outbound {
    json(status_of(ready), document(json!({ "ready": ready })))
}

/// Writes a fact, which is at hand in this protocol's form.
#[expect(clippy::unnecessary_wraps, reason = "the table's form; other protocols may refuse")]
pub(super) fn fact(_: Fact, json: Bytes) -> Result<Outbound, Refusal> {
    Ok(self::json(StatusCode::OK, json))
}

/// Writes a refusal as the protocol's `{"error": ...}`.
pub(super) fn refusal(refusal: &Refusal) -> Outbound {
    let status = StatusCode::from_u16(refusal.kind.facts().http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // Every bad request costs one: no tree is built for it.
    let mut body = Vec::with_capacity(refusal.public.len() + 16);
    body.push(b'{');
    write::key("error", &mut body);
    write::string(&refusal.public, &mut body);
    body.push(b'}');
    let mut answer = json(status, body);
    let headers = &mut answer.headers;
    if let Some(seconds) = refusal.retry_after_seconds() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    // A 401 without it is none (RFC 9110, section 15.5.2).
    if refusal.kind == Kind::Unauthenticated {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if refusal.kind == Kind::MethodNotAllowed {
        match refusal.public.as_ref() {
            path::TAKES_GET => headers.insert(ALLOW, HeaderValue::from_static("GET")),
            path::TAKES_BOTH => headers.insert(ALLOW, HeaderValue::from_static("GET, POST")),
            path::TAKES_POST => headers.insert(ALLOW, HeaderValue::from_static("POST")),
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
