//! State in a file of SQLite:
//!
//! ```yaml
//! state: { store: { sqlite: /var/lib/sluicegate/state.db } }
//! ```
//!
//! One thread has the database open and does all that is asked, one thing after another: nobody who asks is blocked. Other
//! processes may have it open too (write-ahead log); who writes waits for the other writer, within a bound. What is
//! acknowledged is on the disk. It must not know what a key's text looks like, nor whether a digest is right.

mod desk;
mod fault;
mod ledger;
mod migrate;
mod rows;
mod statements;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::Connection;
use sluicegate_core::{
    BoxFuture, Cause, Change, KeyRow, KeyStore, MAX_KEYS, Mark, NewKey, Reading, Revision, Rotation, StoreError,
};
use tokio::sync::oneshot;

use self::desk::Desk;

/// How long another writer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the thread may take to end what it does and to close the file: a disk that has gone may keep it for ever.
const ENDING: Duration = Duration::from_secs(10);

/// What is asked of the thread.
type Task = Box<dyn FnOnce(&mut Desk) + Send>;

/// A store in a file. Dropping it waits, within a bound, until what was asked is done and the file is closed.
#[derive(Debug)]
pub struct Sqlite {
    tasks: Option<Sender<Task>>,
    /// Told when the thread has closed the file.
    ended: Mutex<Receiver<()>>,
    most: usize,
}

impl Sqlite {
    /// Opens the file, which is made if it is not there, and brings it to the schema of this release.
    ///
    /// # Errors
    /// It cannot be had, others than its owner can reach it, or it is not this program's.
    pub async fn open(path: PathBuf) -> Result<Self, StoreError> {
        Self::open_with(path, PATIENCE, MAX_KEYS).await
    }

    /// The same with another patience, and another bound for the number of keys.
    pub(crate) async fn open_with(path: PathBuf, patience: Duration, most: usize) -> Result<Self, StoreError> {
        let (tasks, asked) = channel::<Task>();
        let (end, ended) = channel();
        let thread = thread::Builder::new().name("state".to_owned()).spawn(move || {
            let mut desk = Desk::new(path, patience);
            while let Ok(task) = asked.recv() {
                task(&mut desk);
            }
            drop(desk);
            // Who dropped the store may have stopped waiting.
            let _ = end.send(());
        });
        thread.map_err(|error| StoreError::Unusable(format!("its thread cannot be started: {error}")))?;
        let store = Self { tasks: Some(tasks), ended: Mutex::new(ended), most };
        store.ask(Desk::make).await?;
        Ok(store)
    }

    /// Has the thread do `work` on the open database, and does not block for it.
    fn on<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        self.ask(move |desk| desk.on(work).map(|(_, done)| done))
    }

    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Desk) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let (tell, told) = oneshot::channel();
        let task: Task = Box::new(move |desk| {
            // Who asked may have gone; what was asked is done all the same.
            let _ = tell.send(work(desk));
        });
        let sent = self.tasks.as_ref().is_some_and(|tasks| tasks.send(task).is_ok());
        Box::pin(async move {
            let ended = || StoreError::Unusable("its thread has ended: start the gateway anew".to_owned());
            if !sent {
                return Err(ended());
            }
            told.await.unwrap_or_else(|_| Err(ended()))
        })
    }
}

impl KeyStore for Sqlite {
    fn revision(&self) -> BoxFuture<'_, Result<Revision, StoreError>> {
        self.ask(|desk| {
            let (opening, number) = desk.on(|connection| ledger::revision(connection))?;
            Ok(Revision { opening, number })
        })
    }

    fn read(&self) -> BoxFuture<'_, Result<Reading, StoreError>> {
        self.ask(|desk| {
            let (opening, page) = desk.on(ledger::read)?;
            let revision = Revision { opening, number: page.number };
            Ok(Reading { revision, keys: page.keys, unreadable: page.unreadable, pepper: page.pepper })
        })
    }

    fn pepper(&self, offered: Option<Mark>) -> BoxFuture<'_, Result<Option<Mark>, StoreError>> {
        self.on(move |connection| ledger::pepper(connection, offered))
    }

    fn create(&self, key: NewKey, cause: Cause) -> BoxFuture<'_, Result<(), StoreError>> {
        let most = self.most;
        self.on(move |connection| ledger::create(connection, key, &cause, most))
    }

    fn rotate(&self, rotation: Rotation, cause: Cause) -> BoxFuture<'_, Result<KeyRow, StoreError>> {
        let most = self.most;
        self.on(move |connection| ledger::rotate(connection, rotation, &cause, most))
    }

    fn revoke(&self, name: String, cause: Cause) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.on(move |connection| ledger::revoke(connection, name, &cause))
    }

    fn changes(&self, after: u64, most: usize) -> BoxFuture<'_, Result<Vec<Change>, StoreError>> {
        self.on(move |connection| ledger::changes(connection, after, most))
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.tasks = None;
        match self.ended.get_mut().recv_timeout(ENDING) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => tracing::error!("the store does not answer, and is left open"),
            Err(RecvTimeoutError::Disconnected) => tracing::error!("the thread of the store has failed"),
        }
    }
}

#[cfg(test)]
mod tests;
