//! HTTP/2 (RFC 9113) and HPACK (RFC 7541): bytes in, events out, bytes to write out. One state machine for both roles.
//!
//! Whoever holds the socket reads into a buffer, hands it to [`Connection::receive`], and writes what
//! [`Connection::output`] has. Streams are used by their handles ([`Sending`], [`Receiving`]). It must not know a runtime, a
//! socket or a clock: what time it is, it is told.

mod connection;
mod count;
mod fault;
mod frame;
mod handle;
mod heading;
pub mod hpack;
mod output;
mod streams;

pub use self::connection::{Attention, Connection, Limits, Role};
pub use self::fault::{Code, Fault, Origin};
pub use self::handle::{Held, Incoming, Receiving, Sending, Shared, ask};
pub use self::output::Output;
