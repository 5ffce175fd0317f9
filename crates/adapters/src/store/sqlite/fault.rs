//! What went wrong with a database, for operators, with what to do. It must not repeat what was asked.

use rusqlite::{Error, ErrorCode};
use sluicegate_core::StoreError;

/// The store's word for an error of SQLite.
pub(super) fn fault(error: Error) -> StoreError {
    let advice = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => return StoreError::Busy,
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            "the file is damaged, or no database: put a backup in its place"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "the file or its folder cannot be written: let the user that this process runs as own both"
        }
        Some(ErrorCode::DiskFull) => "the disk is full",
        Some(ErrorCode::SystemIoFailure) => "the disk fails, or the file is not on a disk of this machine",
        _ => "the database does not do what it was asked",
    };
    StoreError::Unusable(format!("{advice} ({error})"))
}
