//! The slow side: the admin listener with health, metrics and status. Steers the request path only through
//! `flow::control`; it must not know the server, an adapter, or a protocol.

mod admin;
mod guard;

pub use admin::{Admin, Listening, StatusView, serve};
