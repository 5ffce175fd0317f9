//! One Python environment, made from one locked requirements file.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Mode;
use super::cache::Cache;
use super::uv::{Python, Uv};

/// A finished environment.
pub(crate) struct Environment {
    folder: PathBuf,
    /// What it was made from, for the digests of what is made with it.
    requirements: Vec<u8>,
}

impl Environment {
    /// From `tests/python/requirements/<name>.txt`.
    pub(crate) fn ready(root: &Path, cache: &Cache, uv: &Uv, python: &Python, name: &str, mode: Mode) -> Result<Self> {
        let file = root.join("tests/python/requirements").join(format!("{name}.txt"));
        let requirements = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let inputs = [requirements.as_slice(), python.version.as_bytes()];
        let folder = cache.entry(("env", name), &inputs, mode, |folder| uv.install(python, &file, folder))?;
        Ok(Self { folder, requirements })
    }

    /// Its Python.
    pub(crate) fn interpreter(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    /// The bytes of the file it was made from.
    pub(crate) fn requirements(&self) -> &[u8] {
        &self.requirements
    }

    /// Its `site-packages`.
    pub(crate) fn packages(&self) -> Result<PathBuf> {
        let library = self.folder.join("lib");
        let listed = library.read_dir().with_context(|| format!("{} is missing", library.display()))?;
        listed
            .filter_map(Result::ok)
            .map(|entry| entry.path().join("site-packages"))
            .find(|path| path.is_dir())
            .with_context(|| format!("{} holds no site-packages", library.display()))
    }
}
