//! Adapters: one file (with its folder) for each outside system, grouped by the port of `core` that it stands behind.
//!
//! `upstream` holds model servers, `discovery` where they are found, `meter` where metrics are read, `sink` where records
//! go, `store` where state is kept, `identity` how callers are known, `limits` where their use is counted. An adapter must not
//! know the request path, the configuration's layout, the listeners, or another adapter; what several share is [`http`].

pub mod certificates;
pub mod discovery;
pub mod examine;
pub mod http;
pub mod identity;
pub mod limits;
pub mod meter;
mod private;
mod recent;
mod remote;
pub mod sink;
pub mod store;
pub mod upstream;
