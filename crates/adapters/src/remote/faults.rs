//! What it means when a server that speaks JSON over HTTP says no: from its own answers to the classes the request path
//! understands. Servers differ: docs/backends.md has the table.

use std::time::Duration;

use http::StatusCode;
use http::header::RETRY_AFTER;
use sluicegate_core::{BodyError, CallClass, CallError, Endpoint, Fields, Sent};
use sluicegate_wire::oip_rest::client::decode_error;

use crate::remote::scrub::{scrub, shorten};

/// Longest wait that a server may ask for.
const RETRY_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// An answer whose body did not come to its end.
pub(crate) fn from_body(error: &BodyError, status: StatusCode, endpoint: &Endpoint) -> CallError {
    let class = match error {
        BodyError::Broken(_) => CallClass::Transport,
        BodyError::TooLarge { .. } => CallClass::Server,
        BodyError::TimedOut => CallClass::Timeout,
        BodyError::NoRoom => CallClass::NoRoom,
    };
    let cause = format!("{} answered {}, but {error}", endpoint.authority, status.as_u16());
    CallError::new(class, Sent::All, cause)
}

/// An answer of status 2xx that is not what was asked for.
pub(crate) fn nonsense(what: &str, endpoint: &Endpoint) -> CallError {
    CallError::new(CallClass::Server, Sent::All, format!("{}: its answer makes no sense: {what}", endpoint.authority))
}

/// An answer that says no, of a server that is to speak `protocol`.
pub(crate) fn from_status(
    protocol: &str,
    status: StatusCode,
    headers: &Fields,
    body: &[u8],
    endpoint: &Endpoint,
) -> CallError {
    let told = decode_error(body).map(|text| shorten(&scrub(&text, endpoint)).to_owned());
    let class = class(status, told.as_deref(), body.is_empty());
    let mut error = CallError::new(class, Sent::All, cause(protocol, status, told.as_deref(), body, endpoint));
    if matches!(class, CallClass::Pushback | CallClass::NotReady) {
        error.retry_after = retry_after(headers);
    }
    if is_for_operators(status) {
        return error;
    }
    error.public = told;
    error.answered(status.as_u16())
}

/// Whether a status tells of how the gateway is set up against the server, so that a client has no use for it.
pub(crate) fn is_for_operators(status: StatusCode) -> bool {
    status.is_redirection() || matches!(status.as_u16(), 401 | 403 | 407)
}

/// Whether the answer says that the path does not exist, as a server does that lacks a part of the protocol.
pub(crate) fn lacks_path(status: StatusCode, body: &[u8]) -> bool {
    match status.as_u16() {
        405 | 501 => true,
        404 => !body.is_empty() && !decode_error(body).is_some_and(|text| is_about_model(&text)),
        _ => false,
    }
}

/// Whether the answer says that the model is unknown.
pub(crate) fn is_unknown_model(status: StatusCode, body: &[u8]) -> bool {
    class(status, decode_error(body).as_deref(), body.is_empty()) == CallClass::NotFound
}

fn class(status: StatusCode, told: Option<&str>, silent: bool) -> CallClass {
    let said = |words: &[&str]| {
        let told = told.unwrap_or_default().to_ascii_lowercase();
        words.iter().any(|word| told.contains(word))
    };
    match status.as_u16() {
        404 if silent || told.is_some_and(is_about_model) => CallClass::NotFound,
        // Without a word about a model it is the path that was not found: a wrong prefix, or another protocol.
        404 | 405 => CallClass::Server,
        // Triton says 400 where it keeps models apart by namespace.
        400 if said(&["unknown model"]) => CallClass::NotFound,
        400 if said(&["is not ready", "not loaded"]) => CallClass::NotReady,
        401 | 403 | 407 | 408 => CallClass::Server,
        429 => CallClass::Pushback,
        400..=499 => CallClass::Client,
        503 if said(&["not ready", "loading", "not yet", "unloaded", "not loaded"]) => CallClass::NotReady,
        503 => CallClass::Pushback,
        _ => CallClass::Server,
    }
}

/// `Request for unknown model: 'x' is not found` and the like, but not the `Not Found` of a web framework's router.
fn is_about_model(text: &str) -> bool {
    text.to_ascii_lowercase().contains("model")
}

fn cause(protocol: &str, status: StatusCode, told: Option<&str>, body: &[u8], endpoint: &Endpoint) -> String {
    let hint = match status.as_u16() {
        300..=399 => "; redirects are not followed: configure the address it points to".to_owned(),
        401 | 403 | 407 => "; it refuses the gateway itself".to_owned(),
        404 if !body.is_empty() && !told.is_some_and(is_about_model) => {
            format!("; it does not know the path: check the endpoint's prefix and that it speaks {protocol}")
        }
        405 => format!("; it does not know the method: check that it speaks {protocol}"),
        _ => String::new(),
    };
    // A plain text is for operators only: nobody knows what a framework puts there.
    let plain: String = match told {
        Some(text) => text.to_owned(),
        None => String::from_utf8_lossy(body.get(..body.len().min(256)).unwrap_or_default())
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .collect(),
    };
    let colon = if plain.trim().is_empty() { "" } else { ": " };
    format!("{} answered {}{colon}{}{hint}", endpoint.authority, status.as_u16(), plain.trim())
}

/// Seconds only. A date would need a second clock to be right.
fn retry_after(headers: &Fields) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.as_str()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_LIMIT))
}

#[cfg(test)]
mod tests;
