//! Files that are for their owner alone: made so, and refused where others can reach them. It must not know what is in them.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Who beside its owner may reach a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Others {
    /// Nobody.
    Nobody,
    /// Its group may read it: secrets are handed into containers like this.
    GroupReads,
}

/// Makes an empty file for its owner alone; `None` where there is something already.
pub(crate) fn create(path: &Path) -> io::Result<Option<File>> {
    let made = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether `path`, of which this is known, is a file that nobody reaches but who may.
///
/// # Errors
/// It is no file, or too many reach it: with what to do.
pub(crate) fn check(path: &Path, known: &Metadata, others: Others) -> Result<(), String> {
    let shown = path.display();
    if !known.is_file() {
        return Err(format!("{shown} is not a regular file"));
    }
    let (allowed, mend) = match others {
        Others::Nobody => (0o700, "600"),
        Others::GroupReads => (0o740, "640"),
    };
    let mode = known.mode() & 0o777;
    if mode & !allowed != 0 {
        return Err(format!("others can reach {shown} (its mode is {mode:03o}): `chmod {mend} {shown}`"));
    }
    Ok(())
}
