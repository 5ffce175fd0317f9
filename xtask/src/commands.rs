//! The table of commands. A new one is a file in `commands/` and a line here.

mod bench;
mod ci;
mod differential;
mod env;
mod faults;
mod footprint;
mod fuzz;
mod help;
mod hold;
mod instructions;
mod properties;
mod proto;
mod readme;
mod schema;
mod simulate;
mod stages;
mod test;
mod tidy;

use std::path::Path;

use anyhow::{Result, bail};

/// One command.
pub(crate) struct Command {
    name: &'static str,
    /// The arguments it takes, as `help` shows them.
    usage: &'static str,
    /// What it is for, in a line.
    summary: &'static str,
    /// Gets the repository's root and the arguments after the name.
    run: fn(&Path, &[String]) -> Result<()>,
}

/// In the order `help` lists them.
const COMMANDS: &[Command] = &[
    test::COMMAND,
    ci::COMMAND,
    tidy::COMMAND,
    readme::COMMAND,
    env::COMMAND,
    fuzz::COMMAND,
    properties::COMMAND,
    differential::COMMAND,
    simulate::COMMAND,
    footprint::COMMAND,
    bench::COMMAND,
    faults::COMMAND,
    hold::COMMAND,
    instructions::COMMAND,
    stages::COMMAND,
    schema::COMMAND,
    proto::COMMAND,
    help::COMMAND,
];

/// Runs the command that the first argument names.
pub(crate) fn dispatch(root: &Path, arguments: &[String]) -> Result<()> {
    let Some((name, rest)) = arguments.split_first() else {
        return (help::COMMAND.run)(root, &[]);
    };
    if matches!(name.as_str(), "-h" | "--help") || rest.iter().take_while(|a| *a != "--").any(|a| a == "--help") {
        return (help::COMMAND.run)(root, &[]);
    }
    match COMMANDS.iter().find(|command| command.name == name) {
        Some(command) => (command.run)(root, rest),
        None => bail!("there is no command `{name}`; `cargo xtask help` lists them"),
    }
}

/// For commands that take no arguments.
fn no_arguments(name: &str, arguments: &[String]) -> Result<()> {
    match arguments.first() {
        None => Ok(()),
        Some(unknown) => bail!("`cargo xtask {name}` takes no argument, so not `{unknown}` either"),
    }
}

#[cfg(test)]
mod tests;
