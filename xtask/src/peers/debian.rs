//! Debian packages: installed only when missing, and said aloud.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::python;
use crate::{process, say};

/// A package and how to see that what it brings is there, whoever brought it.
#[derive(Clone, Copy)]
pub(crate) struct Package {
    pub(crate) name: &'static str,
    /// What it is needed for.
    pub(crate) why: &'static str,
    pub(crate) present: fn() -> bool,
}

/// An interpreter to install uv with; uv then finds or fetches the version the requirements are locked for.
pub(crate) const PYTHON: Package =
    Package { name: "python3", why: "runs the real clients and servers", present: python::any_present };
/// Debian keeps `venv` and `ensurepip` apart from the interpreter.
pub(crate) const PYTHON_VENV: Package =
    Package { name: "python3-venv", why: "keeps their packages out of the system", present: python::any_present };
/// libFuzzer is C++.
pub(crate) const CXX: Package = Package {
    name: "g++",
    why: "builds libFuzzer",
    present: || process::succeeds(Command::new("c++").arg("--version")),
};
/// Counts instructions.
pub(crate) const VALGRIND: Package = Package {
    name: "valgrind",
    why: "counts instructions",
    present: || process::succeeds(Command::new("valgrind").arg("--version")),
};

/// Debian starts the servers it installs, unless this program forbids it.
const POLICY: &str = "/usr/sbin/policy-rc.d";
/// What it then says: no action is allowed.
const FORBID: &str = "printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d";

/// Installs those that are missing, as root or through sudo; says what to do where neither is possible.
pub(crate) fn ensure(packages: &[Package]) -> Result<()> {
    let missing: Vec<&Package> = packages.iter().filter(|package| !(package.present)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    for package in &missing {
        say::progress(format_args!("      missing: {} ({})", package.name, package.why));
    }
    let install = || apt(&names);
    install().with_context(|| format!("install these by hand and run again: {}", names.join(" ")))?;
    match missing.iter().find(|package| !(package.present)()) {
        None => Ok(()),
        Some(package) => bail!("{} was installed, but what it should bring is still not found", package.name),
    }
}

fn apt(names: &[&str]) -> Result<()> {
    if !process::succeeds(Command::new("apt-get").arg("--version")) {
        bail!("this machine has no apt-get");
    }
    let root = process::output(Command::new("id").arg("-u"))?.trim() == "0";
    if !root && !process::succeeds(Command::new("sudo").args(["-n", "true"])) {
        bail!("not root, and sudo asks for a password");
    }
    process::run_aside(as_root(root, "apt-get").arg("update"))?;
    starting_nothing(root, || {
        let mut install = as_root(root, "apt-get");
        process::run_aside(install.args(["install", "--yes", "--no-install-recommends"]).args(names))
    })
}

/// Installs while no service may be started. A policy that is there already is the machine's own and stays.
fn starting_nothing(root: bool, install: impl FnOnce() -> Result<()>) -> Result<()> {
    if Path::new(POLICY).exists() {
        return install();
    }
    process::output(as_root(root, "sh").args(["-c", FORBID]))?;
    let installed = install();
    process::output(as_root(root, "rm").args(["-f", POLICY]))?;
    installed
}

fn as_root(root: bool, program: &str) -> Command {
    if root {
        let mut command = Command::new(program);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        return command;
    }
    let mut command = Command::new("sudo");
    command.args(["-n", "DEBIAN_FRONTEND=noninteractive", program]);
    command
}
