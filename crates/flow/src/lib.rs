//! The request path: what happens to a request between socket and model, in order.
//!
//! Start at [`serve`]. It must not know hyper, a server, an adapter's settings, or the admin plane.

pub mod access;
mod affinity;
mod balance;
mod budget;
pub mod build;
pub mod control;
mod counters;
mod crowd;
mod discovery;
mod door;
mod heavy;
mod held;
mod limits;
mod pace;
mod patience;
mod probing;
mod replay;
mod seldom;
mod serve;
mod slots;
mod snapshot;
mod stage;
mod status;
mod trail;
mod verdict;
mod whole;

pub use serve::serve;
