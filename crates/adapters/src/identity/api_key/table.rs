//! The keys in memory, as requests find them. It must not know where they are kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use sluicegate_core::{Digest, KeyFault, KeyRow, Principal, Reading, Revision};

use super::grant;
use super::pepper::Pepper;
use super::text::{KeyId, Presented};

/// What a key is compared with that nobody has: unknown ids take the time of known ones.
const NOBODY: Digest = Digest([0; 32]);

/// All keys of one moment.
pub(super) struct Table {
    revision: Revision,
    pepper: Arc<Pepper>,
    keys: HashMap<KeyId, Entry>,
    /// Rows that hold no key.
    pub(super) unreadable: usize,
}

struct Entry {
    digest: Digest,
    principal: Arc<Principal>,
    name: Arc<str>,
    revoked: bool,
    /// From when on it is not accepted.
    ends: Option<SystemTime>,
}

impl Table {
    /// The table of a reading, for digests of this pepper.
    pub(super) fn of(reading: Reading, pepper: Arc<Pepper>) -> Self {
        let rows = reading.keys.len();
        let keys: HashMap<KeyId, Entry> = reading.keys.iter().filter_map(entry).collect();
        let unreadable = reading.unreadable.saturating_add(rows.saturating_sub(keys.len()));
        Self { revision: reading.revision, pepper, keys, unreadable }
    }

    pub(super) const fn revision(&self) -> Revision {
        self.revision
    }

    /// How many secrets it knows.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whose `key` is. What is wrong with it is only told to whoever has the secret.
    pub(super) fn find(&self, key: &Presented<'_>, now: SystemTime) -> Result<Arc<Principal>, KeyFault> {
        let entry = self.keys.get(&key.id());
        let same = self.pepper.made(entry.map_or(&NOBODY, |entry| &entry.digest), key);
        match entry.filter(|_| same) {
            None => Err(KeyFault::Unknown),
            Some(entry) if entry.revoked => Err(KeyFault::Revoked(Arc::clone(&entry.name))),
            Some(entry) if entry.ends.is_some_and(|end| end <= now) => Err(KeyFault::Expired(Arc::clone(&entry.name))),
            Some(entry) => Ok(Arc::clone(&entry.principal)),
        }
    }
}

/// The entry of a row; a row that is not as it was written gives nothing.
fn entry(row: &KeyRow) -> Option<(KeyId, Entry)> {
    let id = KeyId::parse(&row.id).filter(|_| grant::is_in_order(&row.grant))?;
    let entry = Entry {
        digest: row.digest,
        principal: Arc::new(grant::principal(&row.grant)),
        name: row.grant.name.as_str().into(),
        revoked: row.revoked.is_some(),
        ends: row.ends(),
    };
    Some((id, entry))
}
