//! uv, the installer of the environments: itself installed into a small environment of the cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::cache::Cache;
use super::{Mode, debian, python};
use crate::process;

/// Pinned, so that everybody resolves alike.
const PACKAGE: &str = "uv==0.13.9";
/// What the requirements are locked for; MLServer does not go beyond.
const RANGE: &str = ">=3.11,<3.13";
/// Fetched when the machine has none of that range.
const FETCHED: &str = "3.12";

/// An installed uv.
pub(crate) struct Uv {
    program: PathBuf,
}

/// The interpreter the environments are made from.
pub(crate) struct Python {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Implementation and full version: part of each environment's name.
    pub(crate) version: String,
}

impl Uv {
    /// Finds it in the cache or installs it there, with a Python if the machine has none.
    pub(crate) fn ready(cache: &Cache, mode: Mode) -> Result<Self> {
        let folder = cache.entry(("env", "uv"), &[PACKAGE.as_bytes()], mode, |folder| {
            debian::ensure(&[debian::PYTHON, debian::PYTHON_VENV])?;
            let python = python::find().context("no Python of 3.10 or later with venv and ensurepip")?;
            process::run_aside(Command::new(python).args(["-m", "venv"]).arg(folder))?;
            let pip = ["-m", "pip", "install", "--quiet", PACKAGE];
            process::run_aside(Command::new(folder.join("bin/python")).args(pip))
        })?;
        Ok(Self::at(folder.join("bin/uv")))
    }

    /// The uv at this path.
    pub(crate) fn at(program: PathBuf) -> Self {
        Self { program }
    }

    /// The interpreter of the right version: the machine's own, else one that uv fetches.
    pub(crate) fn python(&self, mode: Mode) -> Result<Python> {
        let find = || process::output(self.command().args(["python", "find", "--no-project", RANGE]));
        let path = match find() {
            Ok(path) => path,
            Err(_) if mode == Mode::Prepare => {
                process::run_aside(self.command().args(["python", "install", FETCHED]))
                    .with_context(|| format!("no Python {RANGE} here, and fetching one failed; install one"))?;
                find()?
            }
            Err(error) => return Err(error.context(format!("no Python {RANGE} is prepared"))),
        };
        let path = PathBuf::from(path.trim());
        let describe = "import platform as p; print(p.python_implementation(), p.python_version(), p.machine())";
        let version = process::output(Command::new(&path).args(["-c", describe]))?.trim().to_owned();
        if version.is_empty() {
            bail!("{} does not tell its version", path.display());
        }
        Ok(Python { path, version })
    }

    /// Makes an environment in `folder` that holds exactly the locked requirements.
    pub(crate) fn install(&self, python: &Python, requirements: &Path, folder: &Path) -> Result<()> {
        let venv = ["venv", "--quiet", "--no-project", "--allow-existing", "--python"];
        process::run_aside(self.command().args(venv).arg(&python.path).arg(folder))?;
        let mut sync = self.command();
        sync.args(["pip", "sync", "--quiet", "--strict", "--python"]).arg(folder.join("bin/python"));
        process::run_aside(sync.arg(requirements))
    }

    /// Unpacks the wheel of one package for another platform into `folder`, without what it depends on.
    pub(crate) fn fetch(&self, python: &Python, package: &str, platform: &str, folder: &Path) -> Result<()> {
        let mut install = self.command();
        install.args(["pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]);
        install.args(["--python-platform", platform, "--python"]).arg(&python.path);
        process::run_aside(install.arg("--target").arg(folder).arg(package))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        // An environment that happens to be active must not leak in.
        command.env_remove("VIRTUAL_ENV").env_remove("PYTHONPATH").env_remove("PYTHONHOME");
        command
    }
}
