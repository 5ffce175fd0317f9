//! Where use is counted against limits. An engine must not know which limit applies to a request, nor what a caller is told.

pub mod memory;
