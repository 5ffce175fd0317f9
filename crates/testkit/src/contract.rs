//! Tests that every implementation of a port must pass. An implementation's own tests bring a fixture and call them.

mod key_store;
mod limits;
mod upstream;

pub use key_store::key_store;
pub use limits::{LimiterFixture, Plain, limiter};
pub use upstream::{Stall, UpstreamFixture, upstream};
