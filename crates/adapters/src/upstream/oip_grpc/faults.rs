//! What a gRPC status means: from the server's words to the classes the request path understands. Servers differ:
//! docs/backends.md has the table.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use sluicegate_core::{CallClass, CallError, Endpoint, Fields, Sent};
use sluicegate_wire::grpc::metadata;
use sluicegate_wire::grpc::status::{Code, STATUS, Status};

use crate::remote::headers::models_own;
use crate::remote::scrub::{scrub, shorten};

/// Longest wait that a server may ask for.
const RETRY_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// How long to wait before trying again, in milliseconds; a negative number says never.
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// What an error is in the words of its own protocol: a `google.rpc.Status`.
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// A failed call, with the code it ended with where it came to that.
pub(super) struct Failed {
    pub(super) error: CallError,
    code: Option<Code>,
}

impl Failed {
    /// Whether the server says that it has no such call.
    pub(super) fn lacks_call(&self) -> bool {
        self.code == Some(Code::Unimplemented) && self.error.class == CallClass::Server
    }
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Self {
        Self { error, code: None }
    }
}

impl From<Failed> for CallError {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

/// A call that ended with another status than OK, told in `trailers`.
pub(super) fn from_status(status: &Status, trailers: &Fields, endpoint: &Endpoint) -> Failed {
    Failed { error: judge(status, trailers, endpoint), code: Some(status.code) }
}

fn judge(status: &Status, trailers: &Fields, endpoint: &Endpoint) -> CallError {
    let told = clean(&status.message, endpoint);
    let class = class(status.code, &told);
    let hint = match status.code {
        Code::Unauthenticated | Code::PermissionDenied => "; it refuses the gateway itself",
        Code::Unimplemented if class == CallClass::Server => "; check that this port speaks oip-grpc",
        _ => "",
    };
    let colon = if told.is_empty() { "" } else { ": " };
    let cause = format!("{} answered {}{colon}{told}{hint}", endpoint.authority, status.code.as_str());
    let mut error = CallError::new(class, Sent::All, cause);
    if matches!(class, CallClass::Pushback | CallClass::NotReady) {
        error.retry_after = pushback(trailers);
    }
    if is_for_operators(status.code, class) {
        return error;
    }
    error.public = Some(told).filter(|told| !told.is_empty());
    error.metadata = Some(Box::new(said(status.code, trailers, endpoint)));
    error.answered(status.code.http())
}

/// What else a server said with its error: its code, which HTTP's statuses only come near, and its details. Those repeat
/// its words, and may name its address: then they stay here.
fn said(code: Code, trailers: &Fields, endpoint: &Endpoint) -> Fields {
    let mut said = models_own(trailers.clone());
    said.insert(STATUS, HeaderValue::from(u16::from(code.number())));
    let details = trailers.get(DETAILS).filter(|value| {
        let text = metadata::decode(value.as_bytes()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        text.is_some_and(|text| scrub(&text, endpoint) == text)
    });
    if let Some(details) = details {
        said.insert(DETAILS, details);
    }
    said
}

/// An error that came as a message of a stream; such have no code.
pub(super) fn in_band(message: &str, endpoint: &Endpoint) -> CallError {
    let told = clean(message, endpoint);
    let cause = format!("{}: {told}", endpoint.authority);
    match class(Code::Unknown, &told) {
        // Triton gives such a code to whatever a model says, to clients that ask for codes.
        CallClass::Server => CallError::new(CallClass::Client, Sent::All, cause).telling(told).answered(400),
        class => CallError::new(class, Sent::All, cause).telling(told),
    }
}

/// An answer that is not what was asked for.
pub(super) fn nonsense(what: &str, endpoint: &Endpoint) -> CallError {
    CallError::new(CallClass::Server, Sent::All, format!("{}: its answer makes no sense: {what}", endpoint.authority))
}

fn class(code: Code, told: &str) -> CallClass {
    let told = told.to_ascii_lowercase();
    let said = |words: &[&str]| words.iter().any(|word| told.contains(word));
    match code {
        Code::NotFound => CallClass::NotFound,
        // Triton says INVALID_ARGUMENT where it keeps models apart by namespace; in a stream there is no code at all.
        Code::InvalidArgument | Code::Unknown if said(&["unknown model"]) && said(&["is not found"]) => {
            CallClass::NotFound
        }
        Code::InvalidArgument | Code::FailedPrecondition | Code::Unavailable | Code::Unknown
            if said(&["not ready", "not at ready state", "no available versions", "not loaded", "loading"]) =>
        {
            CallClass::NotReady
        }
        Code::InvalidArgument | Code::OutOfRange | Code::FailedPrecondition | Code::AlreadyExists => CallClass::Client,
        // Not a quota: the request is larger than the server takes, and will be so for ever.
        Code::ResourceExhausted if said(&["larger than max"]) => CallClass::Client,
        Code::ResourceExhausted | Code::Unavailable => CallClass::Pushback,
        // The call is there, but not for this model.
        Code::Unimplemented if said(&["decoupled"]) => CallClass::Client,
        Code::DeadlineExceeded => CallClass::Timeout,
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::PermissionDenied
        | Code::Aborted
        | Code::Unimplemented
        | Code::Internal
        | Code::DataLoss
        | Code::Unauthenticated => CallClass::Server,
    }
}

/// Whether it tells of how the gateway is set up against the server, so that a client has no use for it.
const fn is_for_operators(code: Code, class: CallClass) -> bool {
    match code {
        Code::Unauthenticated | Code::PermissionDenied | Code::Cancelled => true,
        Code::Unimplemented => matches!(class, CallClass::Server),
        _ => false,
    }
}

/// A server's words without addresses and control characters, at most as long as is handed on.
fn clean(message: &str, endpoint: &Endpoint) -> String {
    let plain: String = message.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    shorten(scrub(&plain, endpoint).trim()).to_owned()
}

fn pushback(trailers: &Fields) -> Option<Duration> {
    let wait: u64 = trailers.get(PUSHBACK)?.as_str()?.trim().parse().ok()?;
    Some(Duration::from_millis(wait).min(RETRY_LIMIT))
}

#[cfg(test)]
mod tests;
