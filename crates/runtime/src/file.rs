//! Reads model files: once, into memory, and what is loaded is what was hashed.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::check::Limits;

/// A model file's content.
#[derive(Debug)]
pub(crate) struct ModelFile {
    pub(crate) bytes: Vec<u8>,
    /// SHA-256 in hexadecimal.
    pub(crate) digest: String,
    /// The folder in which external data may lie.
    pub(crate) folder: PathBuf,
}

/// Reads a model file; where `digest` is not empty, the bytes must have it.
///
/// # Errors
/// Why not, in words for the operator.
pub(crate) fn read(path: &str, digest: &str, limits: Limits) -> Result<ModelFile, String> {
    // Where the path is a link, external data lies beside what it leads to.
    let path = Path::new(path).canonicalize().map_err(|error| format!("cannot be opened: {error}"))?;
    let file = File::open(&path).map_err(|error| format!("cannot be opened: {error}"))?;
    let facts = file.metadata().map_err(|error| format!("cannot be read: {error}"))?;
    if !facts.is_file() {
        return Err("is not a regular file".to_owned());
    }
    if facts.len() > limits.model {
        return Err(format!("has {} bytes, more than max_model_size ({})", facts.len(), limits.model));
    }
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
