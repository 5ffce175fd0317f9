//! What an error of HTTP/2 means for a request: what failed, and whether the server may have seen any of it.

use h2::{Error, Reason};
use sluicegate_core::Sent;

use super::super::line::explain;
use super::super::{Fault, HttpError};

/// A failed stream, of which `sent` had left as far as can be told from here.
pub(super) fn from_h2(error: &Error, sent: Sent) -> HttpError {
    // The library reports a GOAWAY only to streams above the last one the server took up (RFC 9113, section 6.8).
    let untouched =
        error.is_remote() && (error.is_go_away() || error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM));
    // What the library itself finds wrong is the peer's breach of protocol.
    let fault = if error.is_library() { Fault::Nonsense } else { Fault::Broken };
    let mut cause = explain(error);
    if error.is_library() && error.is_go_away() {
        cause.push_str("; does the server speak HTTP/2 without TLS at this port?");
    }
    HttpError::new(fault, if untouched { Sent::Nothing } else { sent }, cause)
}
