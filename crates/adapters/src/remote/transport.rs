//! What protocols over HTTP share: what a failed exchange means, and where heavy work is done. Must not know a protocol.

use sluicegate_core::{CallClass, CallError, Endpoint, Sent};

use crate::http::{Fault, HttpError};

/// Bytes from which on tensors are encoded and decoded on a thread of their own, so that other requests do not wait.
const HEAVY: usize = 256 * 1024;

/// A call that got no answer.
pub(crate) fn from_http(error: &HttpError, endpoint: &Endpoint) -> CallError {
    let cause = format!("{}: {}", endpoint.authority, error.cause);
    match error.fault {
        Fault::Connect | Fault::Broken => CallError::new(CallClass::Transport, error.sent, cause),
        Fault::Nonsense => CallError::new(CallClass::Server, error.sent, cause),
        Fault::TimedOut => CallError::new(CallClass::Timeout, error.sent, cause),
        Fault::Request(_) => {
            CallError::new(CallClass::Client, error.sent, cause).telling("the request's body broke off")
        }
    }
}

/// An endpoint that says it takes no requests.
pub(crate) fn not_ready(endpoint: &Endpoint) -> CallError {
    CallError::new(CallClass::NotReady, Sent::All, format!("{} says that it is not ready", endpoint.authority))
}

/// Does `work` on `bytes` bytes where it delays nobody, when `sent` of the request has left.
pub(crate) async fn heavy<T: Send + 'static>(
    bytes: usize,
    sent: Sent,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CallError> {
    if bytes < HEAVY {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        // Not the panic's own words: they may hold inputs.
        let why = if error.is_panic() { "panic" } else { "the gateway is stopping" };
        CallError::new(CallClass::Server, sent, format!("the translation failed: {why}"))
    })
}
