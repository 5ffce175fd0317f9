//! perf_analyzer: its wheel needs a newer glibc than the machine may have, so it gets one of its own.

use std::env::consts::ARCH;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::cache::Cache;
use super::uv::{Python, Uv};
use super::{Mode, borrowed};
use crate::process;

/// Pinned. Other platforms get an empty wheel of an older version.
const PACKAGE: &str = "perf-analyzer==2.60.0";
/// What the wheel is built for.
const PLATFORM: &str = "manylinux_2_38";
/// All that the program links to.
const LIBRARIES: &[&str] = &["libc6", "libgcc-s1", "libstdc++6", "libssl3t64", "libzstd1", "zlib1g"];

/// The path of a script that takes perf_analyzer's arguments.
pub(crate) fn ready(cache: &Cache, uv: &Uv, python: &Python, mode: Mode) -> Result<PathBuf> {
    let (loader, libraries) = borrowed::loader(ARCH)?;
    let script = wrapper(loader, libraries);
    let list = LIBRARIES.join(" ");
    let inputs = [PACKAGE, borrowed::RELEASE, &list, &script].map(str::as_bytes);
    let folder = cache.entry(("tools", "perf_analyzer"), &inputs, mode, |folder| {
        uv.fetch(python, PACKAGE, &format!("{ARCH}-{PLATFORM}"), &folder.join("wheel"))?;
        borrowed::unpack(LIBRARIES, &folder.join("libraries"))?;
        let path = folder.join("perf_analyzer");
        fs::write(&path, &script).context("cannot write the script that starts perf_analyzer")?;
        for file in [path.as_path(), &folder.join("wheel/perf_analyzer/bin/perf_analyzer")] {
            fs::set_permissions(file, Permissions::from_mode(0o755))
                .with_context(|| format!("cannot make {} a program", file.display()))?;
        }
        process::run_aside(Command::new(&path).arg("--version")).context("perf_analyzer was put together, but fails")
    })?;
    Ok(folder.join("perf_analyzer"))
}

/// A shell script that finds loader, libraries and program beside itself.
pub(super) fn wrapper(loader: &str, libraries: &str) -> String {
    format!(
        "#!/bin/sh\n\
         # Runs perf_analyzer on the libraries beside it.\n\
         here=$(CDPATH= cd -- \"$(dirname -- \"$0\")\" && pwd) || exit\n\
         exec \"$here/libraries/{loader}\" --library-path \"$here/libraries/{libraries}\" \\\n    \
         \"$here/wheel/perf_analyzer/bin/perf_analyzer\" \"$@\"\n"
    )
}
