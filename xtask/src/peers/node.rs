//! Node.js: a real reader of what the gateway hands on.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::debian::{self, Package};
use super::{Mode, proxies};

const NODE: Package =
    Package { name: "nodejs", why: "a server that reads what the gateway hands on", present: || program().is_some() };

/// Its program.
pub(crate) fn ready(mode: Mode) -> Result<PathBuf> {
    if mode == Mode::Prepare {
        debian::ensure(&[NODE])?;
    }
    program().context("node is missing; `cargo xtask env` installs it")
}

fn program() -> Option<PathBuf> {
    proxies::found("node", &env::var_os("PATH").unwrap_or_default(), Path::new("/usr/bin"))
}
