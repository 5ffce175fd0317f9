//! What the end of a stream means for a request: what failed, and whether the server may have seen any of it.

use sluicegate_core::Sent;
use sluicegate_http2::{Fault as Ended, Origin};

use super::super::{Fault, HttpError};

/// A failed stream, of which `sent` had left as far as can be told from here.
pub(super) fn from_http2(ended: &Ended, sent: Sent) -> HttpError {
    // What is wrong by the protocol is the peer's breach.
    let fault = match ended.origin {
        Origin::Stream | Origin::Connection => Fault::Nonsense,
        Origin::Reset | Origin::Leaving | Origin::Gone | Origin::Own => Fault::Broken,
    };
    let mut cause = ended.to_string();
    if ended.origin == Origin::Connection {
        cause.push_str("; does the server speak HTTP/2 without TLS at this port?");
    }
    HttpError::new(fault, if ended.is_untouched() { Sent::Nothing } else { sent }, cause)
}
