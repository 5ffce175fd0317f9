//! The binary: a command line, and the wiring of all rooms. Nobody imports it.

mod catalog;
mod cli;
mod client;
mod command;
mod discovery;
mod gateway;
mod hints;
mod json;
mod keys;
mod machine;
mod output;
mod seams;
mod sources;
mod systemd;
mod watch;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command, ConfigCommand};

// Small objects made and dropped on many threads are most of what a proxy allocates.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Serve(options) => command::serve::run(options),
        Command::Check(options) => command::check::run(&options),
        Command::Doctor(options) => command::doctor::run(&options),
        Command::Call(options) => command::call::run(&options),
        Command::Can(options) => command::can::run(&options),
        Command::Top(options) => command::top::run(&options),
        Command::Status(options) => command::status::run(&options),
        Command::Models(options) => command::models::run(&options),
        Command::Keys(options) => command::keys::run(&options),
        Command::Config(ConfigCommand::Schema) => command::generate::schema(),
        Command::Completions(options) => command::completions::run(&options),
        Command::Generate { what } => command::generate::run(what),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            output::complain(&error);
            ExitCode::FAILURE
        }
    }
}
