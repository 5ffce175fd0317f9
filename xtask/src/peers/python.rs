//! Finding an interpreter to start from.

use std::process::Command;

use crate::process;

/// Tried in this order: an interpreter that can also serve the environments comes first.
const NAMES: &[&str] = &["python3.12", "python3.11", "python3", "python3.13", "python3.14", "python3.10"];

/// Succeeds on a Python that is new enough and can make environments.
const PROBE: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";

/// The first name that starts a Python of 3.10 or later with `venv` and `ensurepip`.
pub(crate) fn find() -> Option<&'static str> {
    NAMES.iter().copied().find(|name| process::succeeds(Command::new(name).args(["-c", PROBE])))
}

/// Whether there is one.
pub(crate) fn any_present() -> bool {
    find().is_some()
}
