//! A real issuer of tokens: npm's `oidc-provider`, with what it needs, from its locked list.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Mode;
use super::cache::Cache;
use super::debian::{self, Package};
use crate::process;

const NPM: Package = Package {
    name: "npm",
    why: "installs a real issuer of tokens",
    present: || process::succeeds(Command::new("npm").arg("--version")),
};

/// What is asked for, and what it comes to, to the byte.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];
const FOLDER: &str = "tests/oidc";
const ENTRY: &str = "node_modules/oidc-provider/lib/index.js";

/// The folder that holds its `node_modules`.
pub(crate) fn ready(root: &Path, cache: &Cache, mode: Mode) -> Result<PathBuf> {
    let mut inputs = Vec::new();
    for name in FILES {
        inputs.push(fs::read(root.join(FOLDER).join(name)).with_context(|| format!("cannot read {FOLDER}/{name}"))?);
    }
    let digested: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    cache.entry(("node", "oidc-provider"), &digested, mode, |folder| {
        debian::ensure(&[NPM])?;
        for (name, bytes) in FILES.iter().zip(&inputs) {
            fs::write(folder.join(name), bytes).with_context(|| format!("cannot write {name}"))?;
        }
        // Nothing of what is installed runs at that.
        let mut install = Command::new("npm");
        install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
        process::run_aside(&mut install)?;
        if !folder.join(ENTRY).is_file() {
            bail!("npm ended well but brought no {ENTRY}");
        }
        Ok(())
    })
}
