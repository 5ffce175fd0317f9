//! The schema, release by release. A file that a newer release wrote is not touched, nor one of another program.

use rusqlite::{Connection, TransactionBehavior};
use sluicegate_core::StoreError;

use super::fault::fault;

/// One step of the schema.
struct Migration {
    /// From the version before to this one.
    up: &'static str,
    /// Back again: for those who return to the release before.
    #[cfg(test)]
    down: &'static str,
}

/// The steps; the first leads to version 1.
const MIGRATIONS: &[Migration] = &[Migration {
    up: include_str!("migrations/0001_keys.up.sql"),
    #[cfg(test)]
    down: include_str!("migrations/0001_keys.down.sql"),
}];

const VERSION: &str = "PRAGMA user_version";
const OWNER: &str = "PRAGMA application_id";
const TABLES: &str = "SELECT count(*) FROM sqlite_schema WHERE name NOT GLOB 'sqlite_*'";

/// "slce".
const OURS: i64 = 0x736c_6365;

/// Brings the file to the schema of this release, in one transaction.
///
/// # Errors
/// It is a newer release's, or another program's, or it cannot be written.
pub(super) fn up(connection: &mut Connection) -> Result<(), StoreError> {
    // Mostly there is nothing to do, and nobody is held up. What is asked is asked of one moment: another may be at it.
    let seen = connection.transaction().map_err(fault)?;
    if version(&seen)? == MIGRATIONS.len() {
        return Ok(());
    }
    drop(seen);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
    for migration in MIGRATIONS.iter().skip(version(&transaction)?) {
        transaction.execute_batch(migration.up).map_err(fault)?;
    }
    transaction.commit().map_err(fault)
}

/// Back to the schema of the release before.
#[cfg(test)]
pub(super) fn down(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
    if let Some(last) = version(&transaction)?.checked_sub(1).and_then(|last| MIGRATIONS.get(last)) {
        transaction.execute_batch(last.down).map_err(fault)?;
    }
    transaction.commit().map_err(fault)
}

/// The steps that were taken.
fn version(connection: &Connection) -> Result<usize, StoreError> {
    let number = |statement: &'static str| connection.query_row(statement, [], |row| row.get::<_, i64>(0));
    let (version, owner) = (number(VERSION).map_err(fault)?, number(OWNER).map_err(fault)?);
    let fresh = version == 0 && owner == 0 && number(TABLES).map_err(fault)? == 0;
    if owner != OURS && !fresh {
        return Err(StoreError::Unusable("the file is another program's database: name another".to_owned()));
    }
    let known = MIGRATIONS.len();
    usize::try_from(version).ok().filter(|version| *version <= known).ok_or_else(|| {
        let words = format!("the file has schema {version}, and this release knows {known}: use the newer release");
        StoreError::Unusable(words)
    })
}
