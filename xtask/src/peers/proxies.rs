//! nginx and HAProxy: what the gateway is measured against, and real readers of what it hands on; dnsmasq: who tells it where
//! endpoints are.
//!
//! Only the programs are wanted. No service of theirs is started, and their configuration in `/etc` is not used.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Mode;
use super::debian::{self, Package};

const NGINX: Package =
    Package { name: "nginx", why: "a proxy to compare with", present: || program("nginx").is_some() };
const HAPROXY: Package =
    Package { name: "haproxy", why: "a proxy to compare with", present: || program("haproxy").is_some() };

const DNSMASQ: Package =
    Package { name: "dnsmasq-base", why: "answers for names in DNS", present: || program("dnsmasq").is_some() };

/// Where Debian keeps servers; not in everybody's `PATH`.
const SYSTEM: &str = "/usr/sbin";

/// Each program by the variable that leads tests to it.
pub(crate) fn ready(mode: Mode) -> Result<Vec<(&'static str, OsString)>> {
    if mode == Mode::Prepare {
        debian::ensure(&[NGINX, HAPROXY, DNSMASQ])?;
    }
    [("SLUICEGATE_NGINX", "nginx"), ("SLUICEGATE_HAPROXY", "haproxy"), ("SLUICEGATE_DNSMASQ", "dnsmasq")]
        .into_iter()
        .map(|(variable, name)| {
            let path = program(name).with_context(|| format!("{name} is missing; `cargo xtask env` installs it"))?;
            Ok((variable, path.into_os_string()))
        })
        .collect()
}

fn program(name: &str) -> Option<PathBuf> {
    found(name, &env::var_os("PATH").unwrap_or_default(), Path::new(SYSTEM))
}

/// The program of this name in one of `path`'s folders, else in `system`.
pub(super) fn found(name: &str, path: &OsStr, system: &Path) -> Option<PathBuf> {
    let folders = env::split_paths(path).chain([system.to_path_buf()]);
    folders.map(|folder| folder.join(name)).find(|program| program.is_absolute() && program.is_file())
}
