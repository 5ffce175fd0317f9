//! `cargo xtask env`: prepares what the tests need and prints it as shell exports.

use super::{Command, no_arguments};
use crate::peers::{self, Mode};
use crate::say;

pub(crate) const COMMAND: Command = Command {
    name: "env",
    usage: "",
    summary: "prepare the tests' peers only, and print the variables to export",
    run: |root, arguments| {
        no_arguments("env", arguments)?;
        for (name, value) in peers::ready(root, Mode::Prepare)?.variables() {
            say::line(format_args!("export {name}={}", quoted(&value.to_string_lossy())));
        }
        Ok(())
    },
};

/// For a shell: within single quotes nothing but the quote itself is special.
pub(super) fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}
