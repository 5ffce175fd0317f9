//! How callers are known.

pub mod api_key;
