//! Shared libraries of a newer Debian release, unpacked into a folder: the machine's own stay as they are.
//!
//! apt does the work with a state of its own, so it checks signatures as always, needs no rights, and forgets nothing
//! of and tells nothing to the system. It asks the mirror that the machine already uses.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::debian;
use crate::process;

/// The release the libraries come from.
pub(crate) const RELEASE: &str = "trixie";

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const KEYS: debian::Package = debian::Package {
    name: "debian-archive-keyring",
    why: "the keys that Debian's releases are signed with",
    present: || Path::new(KEYRING).is_file(),
};

/// Unpacks these packages of [`RELEASE`] into `folder`. Their dependencies are not followed.
pub(crate) fn unpack(packages: &[&str], folder: &Path) -> Result<()> {
    let by_hand = "only Debian's apt-get can fetch them";
    debian::ensure(&[KEYS]).context(by_hand)?;
    let index = ["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"];
    let listed = process::output(Command::new("apt-get").args(index)).context(by_hand)?;
    let mirror = mirror(&listed).context("apt knows no mirror of Debian; run `apt-get update`, or name one")?;

    let scratch = folder.join("apt");
    for part in ["state/lists/partial", "cache/archives/partial", "packages"] {
        fs::create_dir_all(scratch.join(part)).with_context(|| format!("cannot make {part}"))?;
    }
    fs::write(scratch.join("status"), "")?;
    let source = format!("deb [signed-by={KEYRING} target=Packages] {mirror} {RELEASE} main\n");
    fs::write(scratch.join("sources.list"), source)?;
    process::run_aside(apt_get(&scratch).args(["--quiet=2", "update"]))
        .with_context(|| format!("the list of {RELEASE}'s packages could not be fetched"))?;
    let mut download = apt_get(&scratch);
    download.current_dir(scratch.join("packages")).args(["--quiet=2", "download"]).args(packages);
    process::run_aside(&mut download)?;

    for entry in fs::read_dir(scratch.join("packages"))? {
        process::run_aside(Command::new("dpkg-deb").arg("--extract").arg(entry?.path()).arg(folder))?;
    }
    fs::remove_dir_all(&scratch).context("cannot clear what apt left")
}

/// The first of the repositories that is Debian itself, neither its security updates nor somebody else's packages.
pub(super) fn mirror(listed: &str) -> Option<&str> {
    listed.lines().map(str::trim).find(|line| line.trim_end_matches('/').ends_with("/debian"))
}

/// apt with everything it reads and writes in `scratch`, but for the machine's proxies.
fn apt_get(scratch: &Path) -> Command {
    let mut command = Command::new("apt-get");
    for (option, value) in [
        ("Dir::Etc::sourcelist", scratch.join("sources.list")),
        ("Dir::Etc::sourceparts", "/dev/null".into()),
        ("Dir::Etc::preferences", "/dev/null".into()),
        ("Dir::Etc::preferencesparts", "/dev/null".into()),
        ("Dir::State", scratch.join("state")),
        ("Dir::State::status", scratch.join("status")),
        ("Dir::Cache", scratch.join("cache")),
    ] {
        command.arg("-o").arg(format!("{option}={}", value.display()));
    }
    // The user that apt would otherwise become may not see this folder.
    command.args(["-o", "APT::Sandbox::User=root", "-o", "Acquire::Languages=none"]);
    command
}

/// The loader of an architecture and where its libraries are, both within an unpacked folder.
pub(super) fn loader(architecture: &str) -> Result<(&'static str, &'static str)> {
    match architecture {
        "x86_64" => Ok(("usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "usr/lib/x86_64-linux-gnu")),
        "aarch64" => Ok(("usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1", "usr/lib/aarch64-linux-gnu")),
        other => bail!("no loader is known for {other}; perf_analyzer exists for x86_64 and aarch64"),
    }
}
