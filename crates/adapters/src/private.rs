//! Files that are for their owner alone: made so, whole or not at all, and refused where others can reach them. It must not know what is in them.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Who beside its owner may reach a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Others {
    /// Nobody.
    Nobody,
    /// Its group may read it: secrets are handed into containers like this.
    GroupReads,
}

/// A file that is being made beside the place where it will be. Dropping it takes it away again.
pub(crate) struct Draft {
    path: PathBuf,
}

impl Draft {
    /// Makes an empty one for its owner alone, to be put at `path`.
    pub(crate) fn new(path: &Path) -> io::Result<(Self, File)> {
        let mut name = OsString::from(path);
        name.push(format!(".new-{:016x}", getrandom::u64()?));
        let path = PathBuf::from(name);
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        Ok((Self { path }, file))
    }

    /// Where it is meanwhile.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it at `path`, unless something is there: of several who make one at once the first wins.
    pub(crate) fn place(self, path: &Path) -> io::Result<()> {
        match fs::hard_link(&self.path, path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        drop(self);
        // The name lasts as well as what is in the file.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // What cannot be taken away is left over, and harms nobody.
        let _ = fs::remove_file(&self.path);
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
