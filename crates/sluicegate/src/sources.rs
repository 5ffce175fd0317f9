//! Gathers what a configuration consists of: its file, the files it includes, digests of the model files it names, and
//! what is in those of certificates and keys.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};
use sluicegate_config::{Files, Resolved, Sources, State};
use sluicegate_core::{Mistake, Source, Span};

use crate::catalog::CATALOG;
use crate::discovery;

/// The largest file of certificates, in bytes: the system's roots have a quarter of it.
const MAX_PEM: usize = 1 << 20;

/// Where configuration comes from.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// A file, read anew at each load.
    File(PathBuf),
    /// Text made of the command line, with the model file it names.
    Text(String),
}

/// Loads configuration, and remembers what was read.
#[derive(Debug)]
pub(crate) struct Loader {
    origin: Origin,
    /// Digests of files that have not changed since they were read.
    digests: HashMap<PathBuf, (Stamp, String)>,
    /// Every file that the last load read or tried to read.
    pub(crate) files: BTreeSet<PathBuf>,
    /// The files of endpoints among what it named: they may change without being loaded anew.
    pub(crate) lists: BTreeSet<PathBuf>,
}

/// The files a configuration names, as they are met.
struct Named<'a> {
    files: BTreeSet<PathBuf>,
    lists: BTreeSet<PathBuf>,
    digests: &'a mut HashMap<PathBuf, (Stamp, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    identity: (u64, u64),
}

impl Loader {
    pub(crate) fn new(origin: Origin) -> Self {
        Self { origin, digests: HashMap::new(), files: BTreeSet::new(), lists: BTreeSet::new() }
    }

    /// Reads everything anew and resolves it.
    ///
    /// # Errors
    /// Every mistake, each with its place.
    pub(crate) fn load(&mut self) -> Result<Resolved, Vec<Mistake>> {
        let mut files = BTreeSet::new();
        let sources = match &self.origin {
            Origin::Text(text) => Sources { root: source("(command line)", text), includes: Vec::new() },
            Origin::File(path) => gather(path, &mut files)?,
        };
        let mut named = Named { files, lists: BTreeSet::new(), digests: &mut self.digests };
        let resolved = sluicegate_config::load(&sources, &CATALOG, &mut named);
        let (files, lists) = (named.files, named.lists);
        self.digests.retain(|path, _| files.contains(path));
        self.files = files;
        self.lists = lists;
        resolved
    }
}

impl Files for Named<'_> {
    fn digest(&mut self, path: &str) -> Result<String, String> {
        self.files.insert(PathBuf::from(path));
        digest_of(Path::new(path), self.digests)
    }

    fn read(&mut self, path: &str) -> Result<Vec<u8>, String> {
        self.files.insert(PathBuf::from(path));
        let bytes = read_bounded(Path::new(path), MAX_PEM).map_err(|error| error.to_string())?;
        if bytes.len() > MAX_PEM { Err("it is larger than 1 MiB".to_owned()) } else { Ok(bytes) }
    }

    fn endpoints(&mut self, path: &str) -> Result<Option<String>, String> {
        self.lists.insert(PathBuf::from(path));
        discovery::read(path)
    }
}

/// Where the configuration in `path` keeps what outlives the gateway, whatever is wrong elsewhere in it.
///
/// # Errors
/// It cannot be read, or what it says about that is wrong.
pub(crate) fn state(path: &Path) -> Result<Option<State>, Vec<Mistake>> {
    let root = read(path, &mut BTreeSet::new()).map_err(|mistake| vec![mistake])?;
    sluicegate_config::state(&root, &CATALOG)
}

fn gather(path: &Path, files: &mut BTreeSet<PathBuf>) -> Result<Sources, Vec<Mistake>> {
    let root = read(path, files).map_err(|mistake| vec![mistake])?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut includes = Vec::new();
    let mut mistakes = Vec::new();
    for pattern in sluicegate_config::includes(&root) {
        match expand(folder, &pattern) {
            Ok(found) => {
                for path in found {
                    match read(&path, files) {
                        Ok(source) => includes.push(source),
                        Err(mistake) => mistakes.push(mistake),
                    }
                }
            }
            Err(cause) => mistakes.push(Mistake::at(&start_of(&path.to_string_lossy()), cause)),
        }
    }
    if mistakes.is_empty() { Ok(Sources { root, includes }) } else { Err(mistakes) }
}

/// Files that match, in order of their names. A pattern without wildcards names a file that must exist.
fn expand(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let whole = folder.join(pattern);
    let text = whole.to_string_lossy();
    let matches = glob::glob(&text).map_err(|error| format!("include `{pattern}`: {error}"))?;
    let mut found: Vec<PathBuf> = matches.filter_map(Result::ok).filter(|path| path.is_file()).collect();
    found.sort();
    found.dedup();
    let literal = !pattern.contains(['*', '?', '[']);
    if literal && found.is_empty() {
        return Err(format!("include `{pattern}`: there is no such file"));
    }
    Ok(found)
}

fn read(path: &Path, files: &mut BTreeSet<PathBuf>) -> Result<Source, Mistake> {
    files.insert(path.to_path_buf());
    let name = path.to_string_lossy();
    let bytes = read_bounded(path, sluicegate_config::MAX_FILE)
        .map_err(|error| Mistake::at(&start_of(&name), format!("cannot be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| Mistake::at(&start_of(&name), "is not UTF-8 text"))?;
    Ok(source(&name, &text))
}

/// One byte more than a file may have is enough to know that it has too many.
fn read_bounded(path: &Path, most: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn source(path: &str, text: &str) -> Source {
    Source { path: Arc::from(path), text: Arc::from(text) }
}

fn start_of(path: &str) -> Span {
    Span { file: Arc::from(path), line: 1, column: 1 }
}

/// SHA-256 of a file, read anew only when its stamp has changed.
fn digest_of(path: &Path, known: &mut HashMap<PathBuf, (Stamp, String)>) -> Result<String, String> {
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let stamp = Stamp {
        length: metadata.len(),
        modified: metadata.modified().ok(),
        identity: (metadata.dev(), metadata.ino()),
    };
    if let Some((_, digest)) = known.get(path).filter(|(before, _)| *before == stamp) {
        return Ok(digest.clone());
    }
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut buffer).map_err(|error| error.to_string())?;
        if count == 0 {
            break;
        }
        hash.update(buffer.get(..count).unwrap_or_default());
    }
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    known.insert(path.to_path_buf(), (stamp, digest.clone()));
    Ok(digest)
}
