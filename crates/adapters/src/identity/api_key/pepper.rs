//! The secret with which digests of keys are made, and the file it is in: 64 hexadecimal digits. It must not know which
//! keys there are.

use std::fmt;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use sluicegate_core::{Digest, Mark, StoreError};
use zeroize::Zeroizing;

use super::text::Presented;
use crate::private::{self, Draft, Others};

/// Bytes of a pepper.
const BYTES: usize = 32;

/// More than a file with one has, and little to read of one that is something else.
const MOST: u64 = 256;

/// What the mark is the digest of; no key begins like it.
const MARKED: &[u8] = b"sluicegate pepper 1";

/// The secret under which keys are digested.
pub struct Pepper(hmac::Key);

/// Where a pepper is.
pub enum PepperSource {
    /// In a file that others made.
    File(PathBuf),
    /// In a file beside the store, which is made where the store has seen no pepper yet.
    Beside(PathBuf),
    /// It was read elsewhere.
    Text(Zeroizing<String>),
}

impl Pepper {
    /// Reads one from its text.
    ///
    /// # Errors
    /// It is not written as it should.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let wrong = || format!("a pepper is {} hexadecimal digits: `openssl rand -hex {BYTES}` makes one", BYTES * 2);
        let mut bytes = Zeroizing::new([0_u8; BYTES]);
        let mut digits = text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
        for byte in bytes.iter_mut() {
            match (digits.next().flatten(), digits.next().flatten()) {
                (Some(high), Some(low)) => *byte = (high << 4) | low,
                _ => return Err(wrong()),
            }
        }
        if digits.next().is_some() {
            return Err(wrong());
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &*bytes)))
    }

    /// The digest of a key.
    ///
    /// # Errors
    /// The digest has another length than digests are kept in: not SHA-256's.
    pub(super) fn digest(&self, key: &Presented<'_>) -> Result<Digest, StoreError> {
        self.sign(key.signed()).map(Digest)
    }

    /// Whether `digest` is that of `key`; takes the same time whatever it is.
    pub(super) fn made(&self, digest: &Digest, key: &Presented<'_>) -> bool {
        hmac::verify(&self.0, key.signed(), &digest.0).is_ok()
    }

    /// What tells it from others.
    ///
    /// # Errors
    /// As [`Self::digest`].
    pub(super) fn mark(&self) -> Result<Mark, StoreError> {
        self.sign(MARKED).map(Mark)
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 32], StoreError> {
        let tag = hmac::sign(&self.0, message);
        tag.as_ref().try_into().map_err(|_| StoreError::Unusable("digests have a wrong length".to_owned()))
    }
}

impl PepperSource {
    /// Gets the pepper. Where it may be made, and `fresh` says that nothing was digested yet, it is made if it is not there.
    ///
    /// # Errors
    /// It is not there, others can read it, or it is none; with what to do.
    pub(super) fn get(&self, fresh: bool) -> Result<Pepper, String> {
        match self {
            Self::Text(text) => Pepper::parse(text),
            Self::File(path) => match read(path, Others::GroupReads)? {
                Some(pepper) => Ok(pepper),
                None => Err(format!("there is no file {}", path.display())),
            },
            Self::Beside(path) => match read(path, Others::Nobody)? {
                Some(pepper) => Ok(pepper),
                None if fresh => make(path),
                None => Err(format!(
                    "{} is gone, and without it no key can be checked: put its backup in its place",
                    path.display()
                )),
            },
        }
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pepper([redacted])")
    }
}

impl fmt::Debug for PepperSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => formatter.debug_tuple("File").field(path).finish(),
            Self::Beside(path) => formatter.debug_tuple("Beside").field(path).finish(),
            Self::Text(_) => formatter.write_str("Text([redacted])"),
        }
    }
}

/// The pepper in a file; `None` where there is none.
fn read(path: &Path, others: Others) -> Result<Option<Pepper>, String> {
    let told = |error: &io::Error| format!("{} cannot be read: {error}", path.display());
    let file = match private::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(told(&error)),
    };
    // Of the file that is open, whatever lies there now.
    let known = file.metadata().map_err(|error| told(&error))?;
    private::check(path, &known, others)?;
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(MOST).unwrap_or_default()));
    file.take(MOST).read_to_string(&mut text).map_err(|error| told(&error))?;
    Pepper::parse(&text).map(Some).map_err(|wrong| format!("{}: {wrong}", path.display()))
}

/// Makes a pepper and the file for it. Of several who do so at once one wins, and all have the winner's.
fn make(path: &Path) -> Result<Pepper, String> {
    let wrong = |error: &io::Error| format!("{} cannot be made: {error}", path.display());
    let mut bytes = Zeroizing::new([0_u8; BYTES]);
    getrandom::fill(&mut *bytes).map_err(|error| format!("the system gives no random bytes: {error}"))?;
    let mut text = Zeroizing::new(String::with_capacity(BYTES * 2 + 1));
    for byte in bytes.iter() {
        text.extend([byte >> 4, byte & 15].into_iter().filter_map(|digit| char::from_digit(digit.into(), 16)));
    }
    text.push('\n');
    write(path, &text).map_err(|error| wrong(&error))?;
    read(path, Others::Nobody)?.ok_or_else(|| format!("{} is gone again", path.display()))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let (draft, mut file) = Draft::new(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    draft.place(path)
}
