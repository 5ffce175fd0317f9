//! The thread's side: the file made whole, checked and opened, and opened anew where another lies in its place. It must not know
//! what is in it.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{self, Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};
use sluicegate_core::StoreError;

use super::fault::fault;
use super::migrate;
use crate::private::{self, Draft, Others};

/// The longest row, in bytes: some times what a key that is full of names takes, so that a file which somebody else wrote does not
/// take all memory.
const LONGEST: i32 = 4 << 20;

/// The open database.
pub(super) struct Desk {
    path: PathBuf,
    patience: Duration,
    open: Option<Open>,
    /// What was opened last, also after it was closed.
    last: Option<Last>,
    /// How often it was opened.
    opening: u64,
}

struct Open {
    connection: Connection,
    file: FileId,
}

/// A file that was opened, with its log.
struct Last {
    file: FileId,
    /// Held, so that its number is not given to another file.
    log: Option<File>,
}

/// Which file it is: device and number.
type FileId = (u64, u64);

impl Desk {
    pub(super) fn new(path: PathBuf, patience: Duration) -> Self {
        Self { path, patience, open: None, last: None, opening: 0 }
    }

    /// Makes the file if there is none, and opens it.
    pub(super) fn make(&mut self) -> Result<(), StoreError> {
        // A name such as `:memory:` is that of a file.
        self.path = path::absolute(&self.path).map_err(|error| self.unusable(&error.to_string()))?;
        if !self.path.exists() {
            self.lay()?;
        }
        self.on(|_| Ok(())).map(drop)
    }

    /// Makes the file, which appears with all its tables or not at all, however many make it at once.
    fn lay(&self) -> Result<(), StoreError> {
        let cannot = |error: io::Error| {
            let folder = self.path.parent().unwrap_or(&self.path).display();
            let advice = format!("let the user that this process runs as write to the folder {folder}");
            self.unusable(&format!("it cannot be made: {error}; {advice}"))
        };
        if self.log().exists() {
            // SQLite would take it for the new file's.
            let words = "it is gone, and its log `-wal` is still there: put both back, or take the log away as well";
            return Err(self.unusable(words));
        }
        let (draft, _) = Draft::new(&self.path).map_err(cannot)?;
        let connection = self.connect(draft.path())?;
        connection.close().map_err(|(_, error)| fault(error))?;
        draft.place(&self.path).map_err(cannot)
    }

    /// Does `work` on the database, and tells through which opening.
    pub(super) fn on<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<(u64, T), StoreError> {
        let done = self.current().and_then(work);
        if let Err(StoreError::Unusable(why)) = done {
            // What is there next time is looked at with new eyes.
            self.open = None;
            return Err(self.unusable(&why));
        }
        done.map(|done| (self.opening, done))
    }

    /// The connection to the file that lies there now.
    fn current(&mut self) -> Result<&mut Connection, StoreError> {
        let known = fs::metadata(&self.path).map_err(|error| StoreError::Unusable(error.to_string()))?;
        let file = id(&known);
        let open = match self.open.take().filter(|open| open.file == file) {
            Some(open) => open,
            None => {
                // Looked at without opening it: closing a file would let go of the locks that SQLite holds on it.
                private::check(&self.path, &known, Others::Nobody).map_err(StoreError::Unusable)?;
                self.refuse_log_of_another(file)?;
                let connection = self.connect(&self.path)?;
                self.last = Some(Last { file, log: File::open(self.log()).ok() });
                self.opening += 1;
                Open { connection, file }
            }
        };
        Ok(&mut self.open.insert(open).connection)
    }

    /// The log of the file that was open before lies beside `file` as if it were its own: SQLite would lay what is in it over
    /// what is in the file.
    fn refuse_log_of_another(&self, file: FileId) -> Result<(), StoreError> {
        let last = self.last.as_ref().filter(|last| last.file != file);
        let held = last.and_then(|last| last.log.as_ref()?.metadata().ok());
        let lies = fs::metadata(self.log()).ok().filter(|log| log.len() > 0);
        if held.zip(lies).is_some_and(|(held, lies)| id(&held) == id(&lies)) {
            let words = "another file lies in its place, and beside it still the log `-wal` of the one before: put the one before \
                         back, or take the log away as well";
            return Err(StoreError::Unusable(words.to_owned()));
        }
        Ok(())
    }

    /// Where its log is.
    fn log(&self) -> PathBuf {
        let mut log = OsString::from(&self.path);
        log.push("-wal");
        log.into()
    }

    fn connect(&self, path: &Path) -> Result<Connection, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(fault)?;
        let set = |connection: &Connection| {
            connection.busy_timeout(self.patience)?;
            connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST)?;
            // What is in the file must not be able to do more than to be read.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
            connection.pragma_update(None, "cell_size_check", true)?;
            let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
            // What is acknowledged survives the loss of power.
            connection.pragma_update(None, "synchronous", "full")?;
            Ok(mode)
        };
        let mode = set(&connection).map_err(fault)?;
        if mode != "wal" {
            let words = "it cannot be shared between processes there: put it on a disk of this machine";
            return Err(StoreError::Unusable(words.to_owned()));
        }
        migrate::up(&mut connection)?;
        Ok(connection)
    }

    fn unusable(&self, why: &str) -> StoreError {
        StoreError::Unusable(format!("the store {}: {why}", self.path.display()))
    }
}

fn id(known: &Metadata) -> FileId {
    (known.dev(), known.ino())
}
