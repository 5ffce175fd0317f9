//! The folder outside the checkout, and what makes an entry of it count as finished.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::{Mode, timed};

/// Written last into an entry: without it the entry was interrupted and is made again.
const COMPLETE: &str = ".complete";

/// The cache of the whole project.
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// `$SLUICEGATE_CACHE/sluicegate`, else `$XDG_CACHE_HOME/sluicegate`, else `~/.cache/sluicegate`.
    pub(crate) fn locate() -> Result<Self> {
        Self::from_variables(|name| env::var_os(name))
    }

    /// The same from any set of variables. Relative paths are refused: they would mean another place in each test.
    pub(crate) fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let base = set("SLUICEGATE_CACHE")
            .or_else(|| set("XDG_CACHE_HOME"))
            .or_else(|| set("HOME").map(|home| home.join(".cache")))
            .context(
                "neither SLUICEGATE_CACHE, XDG_CACHE_HOME nor HOME is set; where may the tests keep their peers?",
            )?;
        if base.is_relative() {
            bail!("the cache folder {} is relative; give an absolute path", base.display());
        }
        Ok(Self { folder: base.join("sluicegate") })
    }

    /// Where it is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The entry `<kind>/<name>-<digest of inputs>`, made by `make` unless it is there and finished.
    ///
    /// It is made where it stays: Python environments hold their own path and cannot be moved.
    pub(crate) fn entry(
        &self,
        (kind, name): (&str, &str),
        inputs: &[&[u8]],
        mode: Mode,
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let folder = self.folder.join(kind).join(format!("{name}-{}", digest(inputs)));
        if folder.join(COMPLETE).is_file() {
            return Ok(folder);
        }
        if mode == Mode::OnlyCheck {
            bail!("{kind}/{name} is not prepared; run `cargo xtask test` without `--fast`, or `cargo xtask env`");
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot clear {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        timed(format_args!("{kind}/{name}"), || make(&folder))?;
        fs::write(folder.join(COMPLETE), "").with_context(|| format!("cannot finish {}", folder.display()))?;
        Ok(folder)
    }
}

/// Sixteen hexadecimal digits over all inputs, each closed by its length so that no two lists read alike.
fn digest(inputs: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for input in inputs {
        hasher.update(input);
        hasher.update(input.len().to_le_bytes());
    }
    hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
