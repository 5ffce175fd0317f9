//! The server from outside: raw bytes and real HTTP clients against listeners in memory and on loopback.

mod accepting;
mod bodies;
mod draining;
mod leaving;
mod limits;
mod listeners;
mod protocols;
mod support;
