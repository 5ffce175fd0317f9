//! The port behind which API keys are known. Where they are kept and how they are digested is the adapter's.

use std::sync::Arc;
use std::time::SystemTime;

use crate::Principal;

/// What each of this gateway's own keys begins with: by it a key is told from a token of somebody else.
pub const KEY_MARK: &str = "sgk_";

/// Knows API keys. Asked on the request path: answers from memory, without waiting.
pub trait Keys: Send + Sync + 'static {
    /// Whose key `presented` is.
    ///
    /// # Errors
    /// It is nobody's, or not any more. What the caller is told is the same for all; which it was is for operators.
    fn find(&self, presented: &str, now: SystemTime) -> Result<Arc<Principal>, KeyFault>;
}

/// Why a key is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// It is not written as our keys are, or its checksum is wrong: mistyped or cut.
    #[error("not one of this gateway's keys: its form or its checksum is wrong")]
    Malformed,
    /// No key has this id, or the secret is another.
    #[error("no such key")]
    Unknown,
    /// It was revoked.
    #[error("key `{0}` was revoked")]
    Revoked(Arc<str>),
    /// Its time is over.
    #[error("key `{0}` has expired")]
    Expired(Arc<str>),
    /// Where keys are kept could not be read yet.
    #[error("the store of keys cannot be read")]
    Unavailable,
}
