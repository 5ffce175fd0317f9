//! A store of keys together with the pepper of its digests: what it takes to make keys and to know them again. It must not
//! know who asks for it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sluicegate_core::{Cause, Grant, KeyRow, KeyStore, NewKey, Reading, Rotation, StoreError};

use super::grant::{self, is_key_name};
use super::pepper::{Pepper, PepperSource};
use super::text::SecretKey;

/// The longest time for which a key goes on that was rotated.
pub const MOST_OVERLAP: Duration = Duration::from_secs(90 * 86_400);

/// The longest texts of an author and of a reason, in characters.
const AUTHOR: usize = 128;
const REASON: usize = 1_000;

/// A store whose pepper is at hand.
#[derive(Clone)]
pub struct Vault {
    pub(super) store: Arc<dyn KeyStore>,
    pub(super) pepper: Arc<Pepper>,
}

/// Why a key is not made or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// What was asked for cannot be.
    #[error("{0}")]
    Wrong(String),
    /// The store does not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Vault {
    /// The vault of `store`, with the pepper from where it is.
    ///
    /// # Errors
    /// The pepper cannot be had, or is another than that which the store's digests were made with.
    pub async fn open(store: Arc<dyn KeyStore>, source: PepperSource) -> Result<Self, StoreError> {
        let known = store.pepper(None).await?;
        let reading = tokio::task::spawn_blocking(move || source.get(known.is_none()));
        let read = reading.await.map_err(|error| error.to_string()).and_then(|read| read);
        let pepper = read.map_err(|why| StoreError::Unusable(format!("the pepper of the keys: {why}")))?;
        let mark = pepper.mark()?;
        if store.pepper(Some(mark)).await? != Some(mark) {
            return Err(other_pepper());
        }
        Ok(Self { store, pepper: Arc::new(pepper) })
    }

    /// Makes a key. What it gives is never seen again.
    ///
    /// # Errors
    /// The grant is not well formed, its name is taken, or the store fails.
    pub async fn create(
        &self,
        grant: Grant,
        expires: Option<SystemTime>,
        cause: Cause,
    ) -> Result<SecretKey, VaultError> {
        let grant = grant::checked(grant).map_err(VaultError::Wrong)?;
        let cause = checked(cause, expires)?;
        let secret = SecretKey::generate()?;
        let digest = self.pepper.digest(&secret.presented())?;
        self.store.create(NewKey { id: secret.id().to_string(), digest, grant, expires }, cause).await?;
        Ok(secret)
    }

    /// Gives a key another secret; the one before is accepted for `overlap` more. What it gives is never seen again.
    ///
    /// # Errors
    /// There is no such key, the overlap is too long, or the store fails.
    pub async fn rotate(
        &self,
        name: &str,
        overlap: Duration,
        expires: Option<SystemTime>,
        cause: Cause,
    ) -> Result<(SecretKey, KeyRow), VaultError> {
        let cause = checked(cause, expires)?;
        let until = cause.at.checked_add(overlap).filter(|_| overlap <= MOST_OVERLAP);
        let until = until.ok_or_else(|| VaultError::Wrong("the overlap is at most 90d".to_owned()))?;
        let secret = SecretKey::generate()?;
        let digest = self.pepper.digest(&secret.presented())?;
        let rotation = Rotation { name: known(name)?, id: secret.id().to_string(), digest, expires, until };
        let row = self.store.rotate(rotation, cause).await?;
        Ok((secret, row))
    }

    /// Ends a key with all its secrets. How many that were.
    ///
    /// # Errors
    /// There is no such key, or the store fails.
    pub async fn revoke(&self, name: &str, cause: Cause) -> Result<usize, VaultError> {
        let cause = checked(cause, None)?;
        Ok(self.store.revoke(known(name)?, cause).await?)
    }

    /// What is in the store now, which may be another than that which was opened.
    ///
    /// # Errors
    /// The store fails, or its digests are made with another pepper.
    pub(super) async fn read(&self) -> Result<Reading, StoreError> {
        let reading = self.store.read().await?;
        let own = self.pepper.mark()?;
        if reading.pepper.is_some_and(|mark| mark != own) { Err(other_pepper()) } else { Ok(reading) }
    }

    /// All keys, in the order of their names and times, and how many rows hold none.
    ///
    /// # Errors
    /// The store fails.
    pub async fn keys(&self) -> Result<(Vec<KeyRow>, usize), StoreError> {
        let Reading { mut keys, unreadable, .. } = self.read().await?;
        keys.sort_by(|left, right| (&left.grant.name, left.created).cmp(&(&right.grant.name, right.created)));
        Ok((keys, unreadable))
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Vault").finish_non_exhaustive()
    }
}

fn other_pepper() -> StoreError {
    let words = "the pepper is another than that which the keys in the store were made with, so that none would be known: give \
                 the one from before, and start a gateway that runs anew";
    StoreError::Unusable(words.to_owned())
}

/// A name that can be that of a key; one that cannot is that of none.
fn known(name: &str) -> Result<String, VaultError> {
    if is_key_name(name) {
        Ok(name.to_owned())
    } else {
        Err(StoreError::NoSuch(name.escape_debug().to_string()).into())
    }
}

fn checked(cause: Cause, expires: Option<SystemTime>) -> Result<Cause, VaultError> {
    let fits = |text: &str, most: usize| text.chars().count() <= most && !text.contains(char::is_control);
    let wrong = if cause.author.is_empty() || !fits(&cause.author, AUTHOR) {
        format!("an author has 1 to {AUTHOR} characters, on one line")
    } else if !cause.reason.as_deref().is_none_or(|reason| fits(reason, REASON)) {
        format!("a reason has at most {REASON} characters, on one line")
    } else if expires.is_some_and(|expires| expires <= cause.at) {
        "a key expires after it is made".to_owned()
    } else {
        return Ok(cause);
    };
    Err(VaultError::Wrong(wrong))
}
