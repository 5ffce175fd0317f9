//! Endpoints over TLS: a real server that says whom it sees, and connections that are never shared between identities.
//!
//! Rows of the catalogue of attacks that are shown here: T-05 (names in certificates: exact, and of their own type), T-07
//! (as far as connections go: an origin has one host, so that nothing is sent over a connection that was made for
//! another) and T-10 (a connection opened as one is never used for another).

mod identities;
mod materials;
mod names;
mod peers;
mod trust;
