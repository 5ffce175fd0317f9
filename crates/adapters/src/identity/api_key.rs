//! Callers known by this gateway's own keys:
//!
//! ```yaml
//! identity: { api_key: { headers: [authorization, x-api-key, api-key] } }
//! ```
//!
//! Requests find keys in a table in memory, which follows the store: a change is seen within a second. While the store cannot
//! be read the last table stays. It must not know which header a key came in, nor what it is used for.

mod grant;
mod pepper;
mod table;
mod text;
mod vault;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use sluicegate_core::{KeyFault, Keys, Principal, Revision, StoreError};
use tokio::time::{MissedTickBehavior, interval, timeout};

pub use pepper::{Pepper, PepperSource};
pub use text::{KeyId, LENGTH, Presented, SecretKey};
pub use vault::{MOST_OVERLAP, Vault, VaultError};

use self::table::Table;

/// How often the store is asked whether anything changed: together with the reading it makes less than a second.
const EVERY: Duration = Duration::from_millis(500);

/// How long the store may take to answer: longer than it waits for another writer itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// The keys that requests are let in by. Knows none until it serves a vault.
#[derive(Default)]
pub struct ApiKeys {
    table: ArcSwapOption<Table>,
    followed: Mutex<Option<Followed>>,
}

/// The vault behind the table.
struct Followed {
    vault: Vault,
    /// Why it could not be read the last time.
    failing: Option<StoreError>,
}

/// How it stands with the keys that requests are let in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeysStanding {
    /// The secrets that are known, those included that are not accepted any more.
    pub secrets: usize,
    /// Whether the store could not be read the last time.
    pub failing: bool,
}

/// The keys of a vault, read and not yet served.
pub struct ReadKeys {
    vault: Vault,
    table: Arc<Table>,
}

impl ApiKeys {
    /// Reads the keys of a vault.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn read(vault: Vault) -> Result<ReadKeys, StoreError> {
        let table = Arc::new(read(&vault).await?);
        Ok(ReadKeys { vault, table })
    }

    /// From now on these keys are known, and what changes about them is followed; with `None` none is.
    pub fn serve(&self, keys: Option<ReadKeys>) {
        let (vault, table) = keys.map(|keys| (keys.vault, keys.table)).unzip();
        if let Some(table) = &table {
            tell(table);
        }
        let mut followed = self.followed.lock();
        let before = std::mem::replace(&mut *followed, vault.map(|vault| Followed { vault, failing: None }));
        self.table.store(table);
        drop(followed);
        if let Some(before) = before {
            let_go(before.vault);
        }
    }

    /// Sees what changes, as long as it is polled. Not for a thread that serves requests.
    pub async fn follow(self: Arc<Self>) {
        let mut times = interval(EVERY);
        times.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            times.tick().await;
            self.look().await;
        }
    }

    /// How it stands with them; `None` while no vault is served.
    #[must_use]
    pub fn standing(&self) -> Option<KeysStanding> {
        let failing = self.followed.lock().as_ref().map(|followed| followed.failing.is_some())?;
        Some(KeysStanding { secrets: self.table.load().as_ref().map_or(0, |table| table.len()), failing })
    }

    /// Asks the store once whether anything changed, and takes it over.
    pub(crate) async fn look(&self) {
        let Some(vault) = self.followed.lock().as_ref().map(|followed| followed.vault.clone()) else { return };
        let known = self.table.load().as_ref().map(|table| table.revision());
        let seen = timeout(PATIENCE, changed(&vault, known)).await;
        let seen = seen.unwrap_or_else(|_| Err(StoreError::Unusable("the store does not answer".to_owned())));
        let mut followed = self.followed.lock();
        // Another vault may serve by now.
        let same = |followed: &&mut Followed| Arc::ptr_eq(&followed.vault.store, &vault.store);
        let Some(followed) = followed.as_mut().filter(same) else { return let_go(vault) };
        match seen {
            Ok(seen) => {
                if followed.failing.take().is_some() {
                    tracing::info!("the store of keys can be read again");
                }
                if let Some(table) = seen {
                    tell(&table);
                    self.table.store(Some(Arc::new(table)));
                }
            }
            // Said once, not twice a second.
            Err(error) if followed.failing.as_ref() != Some(&error) => {
                tracing::error!(%error, "the store of keys cannot be read: what is changed there is not seen");
                followed.failing = Some(error);
            }
            Err(_) => {}
        }
    }
}

impl Keys for ApiKeys {
    fn find(&self, presented: &str, now: SystemTime) -> Result<Arc<Principal>, KeyFault> {
        let key = Presented::parse(presented).ok_or(KeyFault::Malformed)?;
        match &*self.table.load() {
            None => Err(KeyFault::Unavailable),
            Some(table) => table.find(&key, now),
        }
    }
}

impl std::fmt::Debug for ApiKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = self.table.load().as_ref().map(|table| table.len());
        formatter.debug_struct("ApiKeys").field("known", &known).finish_non_exhaustive()
    }
}

/// The table of what the store holds now, if that is another than is known.
async fn changed(vault: &Vault, known: Option<Revision>) -> Result<Option<Table>, StoreError> {
    if known == Some(vault.store.revision().await?) {
        return Ok(None);
    }
    read(vault).await.map(Some)
}

/// The table of what the store holds now; made where nobody waits for the thread.
async fn read(vault: &Vault) -> Result<Table, StoreError> {
    let reading = vault.read().await?;
    let pepper = Arc::clone(&vault.pepper);
    let making = tokio::task::spawn_blocking(move || Table::of(reading, pepper));
    making.await.map_err(|error| StoreError::Unusable(format!("the table of keys cannot be made: {error}")))
}

/// Lets go of a vault on a thread of its own: to close its file takes long where the disk has gone.
fn let_go(vault: Vault) {
    // Where there is no thread to be had, this has let go of it.
    drop(thread::Builder::new().name("state-end".to_owned()).spawn(move || drop(vault)));
}

fn tell(table: &Table) {
    if table.unreadable > 0 {
        tracing::error!(rows = table.unreadable, "rows of the store hold no key, and let nobody in");
    }
    tracing::debug!(secrets = table.len(), revision = table.revision().number, "keys were read");
}

#[cfg(test)]
mod tests;
