//! Files that are for their owner alone: made so, whole or not at all, and refused where others can reach them. It must not know what is in them.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::geteuid;

/// Bits of a folder's mode: others write to it; of what is in it they only take away what is theirs.
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

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
        File::open(folder_of(path))?.sync_all()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // What cannot be taken away is left over, and harms nobody.
        let _ = fs::remove_file(&self.path);
    }
}

/// Opens a file to read it, and does not wait for who writes into what is none.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Whether `path`, of which this is known, is a file that nobody reaches but who may.
///
/// # Errors
/// It is no file, it is somebody else's, or too many reach it or can put another in its place: with what to do.
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
    let folder = folder_of(path);
    let around = fs::metadata(folder).map_err(|error| format!("{} cannot be looked at: {error}", folder.display()))?;
    if around.mode() & (STICKY | OTHERS_WRITE) == OTHERS_WRITE {
        let folder = folder.display();
        return Err(format!("anybody can put another file in the place of {shown}: `chmod o-w {folder}`"));
    }
    let own = geteuid().as_raw();
    if !is_trusted(known.uid(), own, around.uid()) {
        let words = "what they can exchange is not taken over; let it belong to the user that this process runs as";
        return Err(format!("{shown} belongs to another user (uid {}, not {own}): {words}", known.uid()));
    }
    Ok(())
}

/// Whether a file of `owner` is taken over by a process of `own`. The system's own user reads what others keep for themselves,
/// where the folder is theirs too: it manages their keys.
const fn is_trusted(owner: u32, own: u32, folder: u32) -> bool {
    owner == own || owner == 0 || (own == 0 && owner == folder)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn files_of_others_are_not_taken_over() {
        for (owner, own, folder, trusted) in [
            (7, 7, 0, true),
            (0, 7, 7, true),
            (8, 7, 8, false),
            (8, 7, 7, false),
            (8, 0, 8, true),
            (8, 0, 0, false),
            (0, 0, 8, true),
        ] {
            assert_eq!(is_trusted(owner, own, folder), trusted, "{owner} {own} {folder}");
        }
    }

    #[test]
    fn where_anybody_can_put_another_file_none_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let checked = |mode: u32| {
            fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
            check(&path, &fs::metadata(&path).unwrap(), Others::Nobody)
        };
        let words = checked(0o777).expect_err("taken");
        assert!(words.contains(&format!("`chmod o-w {}`", folder.path().display())), "{words}");
        assert_eq!((checked(0o1777), checked(0o770), checked(0o755)), (Ok(()), Ok(()), Ok(())));
    }
}
