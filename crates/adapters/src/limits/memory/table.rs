//! The entries of one limit, by subject: a bounded number of them, and one for all subjects that have none. It must not know
//! what is counted.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};
use sluicegate_core::limits::Subject;
use smallvec::SmallVec;

use super::entry::Entry;

/// Parts of a table that can be used at the same time.
const SHARDS: usize = 32;

/// A table with fewer entries than this has one part: each could hold too few for chance to fill them alike.
const FEW: usize = 128 * SHARDS;

/// A part that is full is looked through for idle entries, at most so often: a flood must not have it done for each of its
/// requests.
const LOOK_EVERY: u64 = 1_000_000;

/// The bytes of a subject that need no room of their own.
type Key = SmallVec<[u8; 128]>;

/// A limit's entries.
#[derive(Debug)]
pub(super) struct Table {
    /// Where it stands in the order in which tables are locked.
    id: u64,
    // With a secret: nobody can choose addresses so that they fall together.
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
    /// Of all that have no entry. Locked behind the shards.
    others: Mutex<Entry>,
}

#[derive(Debug)]
struct Shard {
    entries: HashTable<(Box<[u8]>, Entry)>,
    most: usize,
    /// Not looked through for idle entries before this.
    look_at: u64,
}

impl Table {
    pub(super) fn new(id: u64, entries: usize) -> Self {
        let shards = if entries < FEW { 1 } else { SHARDS };
        let shard = || Mutex::new(Shard { entries: HashTable::new(), most: entries / shards, look_at: 0 });
        Self {
            id,
            hasher: RandomState::new(),
            shards: std::iter::repeat_with(shard).take(shards).collect(),
            others: Mutex::default(),
        }
    }

    pub(super) const fn id(&self) -> u64 {
        self.id
    }

    /// The entry of a subject, for nobody else as long as it is held.
    pub(super) fn entry(&self, subject: &Subject<'_>, now: u64) -> MappedMutexGuard<'_, Entry> {
        let mut key = Key::new();
        subject.spell(|piece| key.extend_from_slice(piece));
        let hash = self.hasher.hash_one(&*key);
        // The table inside takes the lowest and the highest bits.
        let place = usize::try_from(hash >> 24 & 0xff).unwrap_or_default() % self.shards.len().max(1);
        let own = self.shards.get(place).and_then(|shard| {
            MutexGuard::try_map(shard.lock(), |shard| shard.entry(&key, hash, &self.hasher, now)).ok()
        });
        own.unwrap_or_else(|| MutexGuard::map(self.others.lock(), |entry| entry))
    }
}

impl Shard {
    /// The entry with this key; a new one, if there is room.
    fn entry(&mut self, key: &[u8], hash: u64, hasher: &RandomState, now: u64) -> Option<&mut Entry> {
        let absent = match self.entries.find_entry(hash, |(known, _)| **known == *key) {
            Ok(found) => return Some(&mut found.into_mut().1),
            Err(absent) => absent,
        };
        let entries = absent.into_table();
        if entries.len() >= self.most && now >= self.look_at {
            entries.retain(|(_, entry)| !entry.is_idle(now));
            self.look_at = now.saturating_add(LOOK_EVERY);
        }
        if entries.len() >= self.most {
            return None;
        }
        let made = (Box::from(key), Entry::default());
        Some(&mut entries.insert_unique(hash, made, |(key, _)| hasher.hash_one(&**key)).into_mut().1)
    }
}

#[cfg(test)]
mod tests {
    use sluicegate_core::limits::Part;

    use super::*;

    fn held(table: &Table) -> usize {
        table.shards.iter().map(|shard| shard.lock().entries.len()).sum()
    }

    #[test]
    fn a_flood_of_subjects_takes_no_more_memory_than_the_bound() {
        let table = Table::new(1, 8192);
        for number in 0..100_000_u32 {
            let parts = [Part::address(std::net::Ipv4Addr::from_bits(number).into())];
            let _place = std::mem::ManuallyDrop::new(table.entry(&Subject { tenant: None, parts: &parts }, 0).occupy());
        }
        assert_eq!(held(&table), 8192, "as many as there are in all parts of it");
    }

    #[test]
    fn idle_entries_make_room() {
        let table = Table::new(1, 100);
        for number in 0..10_000_u32 {
            let parts = [Part::address(std::net::Ipv4Addr::from_bits(number).into())];
            drop(table.entry(&Subject { tenant: None, parts: &parts }, u64::from(number) * LOOK_EVERY));
            assert!((1..=100).contains(&held(&table)));
        }
    }
}
