//! Reads model files: once, into memory, so that what is loaded is what was hashed. Data outside a model file is taken
//! only from regular files in the model's own folder, reached without a link of any kind.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use sha2::{Digest, Sha256};

use crate::check::{External, Limits};

/// A model file's content.
#[derive(Debug)]
pub(crate) struct ModelFile {
    pub(crate) bytes: Vec<u8>,
    /// SHA-256 in hexadecimal.
    pub(crate) digest: String,
    /// The folder in which external data may lie.
    pub(crate) folder: PathBuf,
}

/// A model's folder, and which of its files were read.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    stamps: Vec<Stamp>,
}

/// A file as it was when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    path: PathBuf,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

/// Reads a model file; where `digest` is not empty, the bytes must have it.
///
/// # Errors
/// Why not, in words for the operator.
pub(crate) fn read(path: &str, digest: &str, limits: Limits) -> Result<ModelFile, String> {
    // Where the path is a link, as in a mounted Kubernetes volume, external data lies beside what it leads to.
    let path = Path::new(path).canonicalize().map_err(|error| format!("cannot be opened: {error}"))?;
    // Looked at before it is opened: opening a pipe waits for its other end.
    let facts = path.metadata().map_err(|error| format!("cannot be opened: {error}"))?;
    if !facts.is_file() {
        return Err("is not a regular file".to_owned());
    }
    if facts.len() > limits.model {
        return Err(format!("has {} bytes, more than max_model_size ({})", facts.len(), limits.model));
    }
    let file = File::open(&path).map_err(|error| format!("cannot be opened: {error}"))?;
    let mut bytes = Vec::with_capacity(usize::try_from(facts.len()).unwrap_or(0));
    // The file may grow while it is read.
    file.take(limits.model + 1).read_to_end(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > limits.model {
        return Err(format!("has more bytes than max_model_size ({})", limits.model));
    }
    let found = hexadecimal(&Sha256::digest(&bytes));
    if !digest.is_empty() && !found.eq_ignore_ascii_case(digest) {
        return Err("changed after the configuration was read: its SHA-256 is another now; reload again".to_owned());
    }
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    Ok(ModelFile { bytes, digest: found, folder })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, stamps: Vec::new() }
    }

    /// The files that were read.
    pub(crate) fn stamps(self) -> Vec<Stamp> {
        self.stamps
    }
}

impl Stamp {
    fn of(path: PathBuf, facts: &std::fs::Metadata) -> Self {
        let changed = (facts.mtime(), facts.mtime_nsec());
        Self { path, inode: facts.ino(), size: facts.len(), changed }
    }

    /// Whether the file is still the one that was read.
    pub(crate) fn holds(&self) -> bool {
        self.path.symlink_metadata().is_ok_and(|facts| Self::of(self.path.clone(), &facts) == *self)
    }
}

impl External for Folder {
    fn fetch(&mut self, location: &str, offset: u64, size: u64) -> Result<Vec<u8>, String> {
        let names = inside(location)?;
        let file = File::from(open(&self.path, &names)?);
        let facts = file.metadata().map_err(|error| format!("lies in a file that cannot be read: {error}"))?;
        if offset.checked_add(size).is_none_or(|end| end > facts.len()) {
            return Err("reaches past the end of the file it lies in".to_owned());
        }
        let stamp = Stamp::of(names.iter().fold(self.path.clone(), |path, name| path.join(name)), &facts);
        if !self.stamps.contains(&stamp) {
            self.stamps.push(stamp);
        }
        let length = usize::try_from(size).map_err(|_| "is too large".to_owned())?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, offset)
            .map_err(|error| format!("lies in a file that cannot be read: {error}"))?;
        Ok(bytes)
    }
}

/// The names of a plain relative path that stays where it begins.
fn inside(location: &str) -> Result<Vec<String>, String> {
    let refused = "lies outside the model's folder, or at a path that is not a plain relative one; refused".to_owned();
    if location.contains(['\\', '\0', ':']) {
        return Err(refused);
    }
    let mut names = Vec::new();
    for component in Path::new(location).components() {
        match component {
            Component::Normal(name) => names.push(name.to_str().ok_or_else(|| refused.clone())?.to_owned()),
            Component::CurDir => (),
            Component::Prefix(_) | Component::RootDir | Component::ParentDir => return Err(refused),
        }
    }
    if names.is_empty() { Err(refused) } else { Ok(names) }
}

/// Opens a file below `folder`, one name after the other, never through a link.
fn open(folder: &Path, names: &[String]) -> Result<OwnedFd, String> {
    let absent = |error: rustix::io::Errno| format!("lies in a file that cannot be opened: {error}");
    let path = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut at = rustix::fs::openat(CWD, folder, path, Mode::empty()).map_err(absent)?;
    let Some((file, folders)) = names.split_last() else { return Err("has no name".to_owned()) };
    for name in folders {
        at = rustix::fs::openat(&at, name.as_str(), path | OFlags::NOFOLLOW, Mode::empty()).map_err(absent)?;
    }
    // Looked at before it is opened, so that a device or pipe is never touched; and again after, so that what was
    // opened is what was looked at.
    regular(&rustix::fs::statat(&at, file.as_str(), AtFlags::SYMLINK_NOFOLLOW).map_err(absent)?)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(&at, file.as_str(), flags, Mode::empty()).map_err(absent)?;
    regular(&rustix::fs::fstat(&file).map_err(absent)?)?;
    Ok(file)
}

fn regular(facts: &rustix::fs::Stat) -> Result<(), String> {
    if FileType::from_raw_mode(facts.st_mode) != FileType::RegularFile {
        return Err("lies in what is not a regular file; links, pipes and devices are refused".to_owned());
    }
    if facts.st_nlink != 1 {
        return Err("lies in a file with several hard links, which may belong to somebody else; refused".to_owned());
    }
    Ok(())
}
