//! The sentence encoder: 90 MB, so it is made by its script instead of kept in the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Mode;
use super::cache::Cache;
use super::environment::Environment;
use crate::process;

const SCRIPT: &str = "tests/python/make_minilm.py";
const FILE: &str = "minilm.onnx";

/// The path of the model.
pub(crate) fn ready(root: &Path, cache: &Cache, python: &Environment, mode: Mode) -> Result<PathBuf> {
    let script = root.join(SCRIPT);
    let text = fs::read(&script).with_context(|| format!("cannot read {SCRIPT}"))?;
    let inputs = [text.as_slice(), python.requirements()];
    let folder = cache.entry(("models", "minilm"), &inputs, mode, |folder| {
        process::run_aside(Command::new(python.interpreter()).arg(&script).arg(folder))?;
        if !folder.join(FILE).is_file() {
            bail!("{SCRIPT} ended well but wrote no {FILE}");
        }
        Ok(())
    })?;
    Ok(folder.join(FILE))
}
