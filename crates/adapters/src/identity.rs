//! How callers are known.

pub mod api_key;
pub mod oidc;
