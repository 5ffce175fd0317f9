//! `cargo xtask help`: the commands and what they are for.

use super::{COMMANDS, Command};
use crate::say;

pub(crate) const COMMAND: Command = Command {
    name: "help",
    usage: "",
    summary: "this list",
    run: |_, _| {
        help();
        Ok(())
    },
};

fn help() {
    say::line("Usage: cargo xtask <command>\n");
    for command in COMMANDS {
        let typed = format!("{} {}", command.name, command.usage);
        say::line(format_args!("  {typed:<34} {}", command.summary));
    }
}
