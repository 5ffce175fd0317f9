//! The request path: what happens to a request between socket and model, in order.
//!
//! Start at [`serve`]. It must not know hyper, a server, an adapter's settings, or the admin plane.

mod affinity;
pub mod build;
pub mod control;
mod counters;
mod heavy;
mod patience;
mod serve;
mod snapshot;
mod stage;
mod trail;
mod whole;

pub use serve::serve;
