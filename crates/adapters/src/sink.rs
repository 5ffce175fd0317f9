//! Where the records of requests go. A sink must not slow the request it tells of.

pub mod access_log;
pub mod tee;
