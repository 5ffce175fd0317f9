//! What adapters of remote model servers share: what a failed exchange means, which headers pass, what is known of an
//! endpoint, words that may reach a client. Must not know a protocol.

pub(crate) mod date;
pub(crate) mod faults;
pub(crate) mod headers;
pub(crate) mod learned;
pub(crate) mod peers;
pub(crate) mod scrub;
pub(crate) mod transport;
