//! The port behind which API keys are kept, and what is kept of each: what it may be used for, how long it lives, and a
//! digest of its secret. It must not know how a secret is written or digested, nor what keeps the rows.

use std::fmt;
use std::time::SystemTime;

use crate::BoxFuture;

/// The most keys that are kept.
pub const MAX_KEYS: usize = 100_000;

/// Keeps keys, and what was changed about them. Never asked on the request path; an implementation that has to block does
/// so on a thread of its own. Times are kept in milliseconds.
///
/// Each change raises the revision, and is written down in the same transaction.
pub trait KeyStore: Send + Sync + 'static {
    /// What is kept now, told by a number: another one when anything has changed.
    fn revision(&self) -> BoxFuture<'_, Result<Revision, StoreError>>;

    /// All keys, as of one moment.
    fn read(&self) -> BoxFuture<'_, Result<Reading, StoreError>>;

    /// The mark of the pepper with which the kept digests are made. Where there is none yet, `offered` becomes it.
    fn pepper(&self, offered: Option<Mark>) -> BoxFuture<'_, Result<Option<Mark>, StoreError>>;

    /// Keeps a new key. Where no more fit, those that ended first make room.
    fn create(&self, key: NewKey, cause: Cause) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Gives the key of a name another secret; the one before goes on to the end of the overlap, and what went on from an
    /// earlier rotation ends. Gives the row of the new one.
    fn rotate(&self, rotation: Rotation, cause: Cause) -> BoxFuture<'_, Result<KeyRow, StoreError>>;

    /// Ends the key of a name with all its secrets. How many that were.
    fn revoke(&self, name: String, cause: Cause) -> BoxFuture<'_, Result<usize, StoreError>>;

    /// At most so many changes behind the one of that sequence number, oldest first.
    fn changes(&self, after: u64, most: usize) -> BoxFuture<'_, Result<Vec<Change>, StoreError>>;
}

/// A state of the store. Equal revisions, equal keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Which opening it was seen through: what lies there may have been exchanged for a copy that counts on from elsewhere.
    pub opening: u64,
    /// The number, raised by each change.
    pub number: u64,
}

/// What is kept, as of one moment.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Of which state.
    pub revision: Revision,
    /// The keys, in the order of their ids; never more than [`MAX_KEYS`].
    pub keys: Vec<KeyRow>,
    /// How many rows hold no key: nobody can use them.
    pub unreadable: usize,
    /// The mark of the pepper with which their digests are made, where there is one yet.
    pub pepper: Option<Mark>,
}

/// What a key may be used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its name: 1 to 64 characters of `a-z`, `0-9`, `.`, `_`, `-`; no two usable keys share one.
    pub name: String,
    /// Whose it is.
    pub tenant: String,
    /// The groups it is in, sorted, each once.
    pub groups: Vec<String>,
    /// Names of operations and of groups of them, sorted, each once.
    pub scopes: Vec<String>,
    /// The models it may be used for, sorted; `None`: any.
    pub models: Option<Vec<String>>,
    /// What its calls are for, sorted.
    pub purposes: Vec<String>,
}

/// One secret of a key, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// The part of the key that it is found by.
    pub id: String,
    /// What it may be used for.
    pub grant: Grant,
    /// Of its secret.
    pub digest: Digest,
    /// When it was made.
    pub created: SystemTime,
    /// From when on it is not accepted.
    pub expires: Option<SystemTime>,
    /// When it was revoked.
    pub revoked: Option<SystemTime>,
    /// What took its place.
    pub rotated: Option<Rotated>,
    /// Who made it.
    pub author: String,
}

/// Another secret took this one's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The id of the other.
    pub to: String,
    /// From when on this one is not accepted.
    pub until: SystemTime,
}

/// How a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It is accepted.
    Live,
    /// It is accepted, until the overlap with the one in its place ends.
    Overlapping,
    /// Its time is over.
    Expired,
    /// Another is in its place.
    Replaced,
    /// It was revoked.
    Revoked,
}

/// A key to be kept.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The part that it is found by.
    pub id: String,
    /// Of its secret.
    pub digest: Digest,
    /// What it may be used for.
    pub grant: Grant,
    /// From when on it is not accepted.
    pub expires: Option<SystemTime>,
}

/// Another secret for a key.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The name of the key.
    pub name: String,
    /// The id of the new secret.
    pub id: String,
    /// Of the new secret.
    pub digest: Digest,
    /// From when on the new one is not accepted; `None`: as the one before.
    pub expires: Option<SystemTime>,
    /// From when on the one before is not accepted.
    pub until: SystemTime,
}

/// Who changes something, when and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// When.
    pub at: SystemTime,
    /// Who.
    pub author: String,
    /// Why, in the author's words.
    pub reason: Option<String>,
}

/// Something that was changed about a key. Holds no secret and no digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its place in the order of all changes.
    pub sequence: u64,
    /// Who, when and why.
    pub cause: Cause,
    /// What was done.
    pub deed: Deed,
    /// To the key of which name.
    pub name: String,
    /// What was kept before, as JSON.
    pub before: Option<String>,
    /// What is kept since, as JSON.
    pub after: Option<String>,
}

/// What can be done to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It was made.
    Create,
    /// It got another secret.
    Rotate,
    /// It was revoked.
    Revoke,
}

/// A keyed digest of a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

/// Tells one pepper from another, and nothing else about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(pub [u8; 32]);

/// Why a store does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A usable key has the name.
    #[error("there is a key `{0}` already")]
    Taken(String),
    /// No usable key has the name.
    #[error("there is no key `{0}`, or it was revoked")]
    NoSuch(String),
    /// The key's own time is over.
    #[error("key `{0}` has expired")]
    Expired(String),
    /// There is no room.
    #[error("{MAX_KEYS} keys are in use, and no more fit")]
    Full,
    /// It is held by another for longer than is waited.
    #[error("the store is in use by another process, and did not become free in time")]
    Busy,
    /// It cannot be used: the reason and what to do.
    #[error("{0}")]
    Unusable(String),
}

impl KeyRow {
    /// How it does at the time `now`.
    #[must_use]
    pub fn state(&self, now: SystemTime) -> KeyState {
        let over = |end: SystemTime| end <= now;
        match (&self.rotated, self.expires) {
            _ if self.revoked.is_some() => KeyState::Revoked,
            (Some(rotated), _) if over(rotated.until) => KeyState::Replaced,
            (_, Some(expires)) if over(expires) => KeyState::Expired,
            (Some(_), _) => KeyState::Overlapping,
            (None, _) => KeyState::Live,
        }
    }

    /// From when on it is not accepted, unless it is revoked before.
    #[must_use]
    pub fn ends(&self) -> Option<SystemTime> {
        let until = self.rotated.as_ref().map(|rotated| rotated.until);
        self.expires.into_iter().chain(until).min()
    }
}

impl KeyState {
    /// The word in lists.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Overlapping => "overlapping",
            Self::Expired => "expired",
            Self::Replaced => "replaced",
            Self::Revoked => "revoked",
        }
    }
}

impl Deed {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Create, Self::Rotate, Self::Revoke];

    /// The word in the list of changes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Rotate => "rotate",
            Self::Revoke => "revoke",
        }
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Digest([redacted])")
    }
}

#[cfg(test)]
mod tests;
