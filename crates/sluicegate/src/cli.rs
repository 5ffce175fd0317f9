//! The command line as users type it.

mod keys;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(crate) use keys::{By, CreateKey, KeysCommand, ListKeys, RevokeKey, RotateKey};

/// One gateway between every client and every model.
#[derive(Debug, Parser)]
#[command(name = "sluicegate", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the gateway: from a configuration, or around one model file
    Serve(Serve),
    /// Report every mistake in a configuration, with line and column; exit code 1 if there is one
    Check(Check),
    /// Try every backend and say what is wrong: addresses, certificates, protocols, models, clocks; exit code 1 if anything is
    Doctor(Doctor),
    /// Try a model of a running gateway
    Call(Call),
    /// Say whether a caller may do something with a model by a configuration, by which rule, or what to add; exit code 1 if not
    Can(Can),
    /// Show a running gateway: readiness, generation, last reload, listeners, backends
    Status(Running),
    /// Watch a running gateway: rates of models and backends, endpoints with state and reason
    Top(Top),
    /// List the models of a running gateway, with versions and where they run
    Models(Running),
    /// Make, list, rotate and revoke the keys that callers show; whether a gateway runs or not
    #[command(subcommand)]
    Keys(KeysCommand),
    /// About the configuration itself
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a shell's completion script
    Completions(Completions),
    /// Print a generated document of this repository
    #[command(hide = true)]
    Generate {
        /// Which document
        what: Generated,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// A model to serve by itself: named after the file, version 1, anonymous callers, loopback only
    #[arg(value_name = "FILE.onnx", required_unless_present = "config", conflicts_with = "config")]
    pub(crate) model: Option<PathBuf>,
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Listen here instead of where the configuration says (which then must have one listener)
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Open the admin listener here instead of where the configuration says
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin: Option<SocketAddr>,
    /// Where the access log goes: a file, `-` for standard output, `off`
    #[arg(long, value_name = "WHERE", default_value = "-")]
    pub(crate) access_log: String,
    /// How the gateway's own messages are written to standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    /// Threads that serve requests [default: one for each processor the process may use]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The configuration file
    #[arg(value_name = "FILE")]
    pub(crate) config: PathBuf,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Only these backends, and nothing about the gateway itself
    #[arg(value_name = "BACKEND")]
    pub(crate) backends: Vec<String>,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "gateway.yaml")]
    pub(crate) config: PathBuf,
    /// The admin listener of a gateway that may be running, if it is not where the configuration says
    #[arg(long, value_name = "URL")]
    pub(crate) admin: Option<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Call {
    /// The model's name, with `@VERSION` for one version
    #[arg(value_name = "MODEL[@VERSION]")]
    pub(crate) model: String,
    /// The request: a whole request, or the data of a model's only input, as JSON, or what to say to a model that chats; `@FILE` reads a file, `@-` standard input
    #[arg(long, value_name = "BODY")]
    pub(crate) input: Option<String>,
    /// The gateway's address; asked of the admin listener if not given
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Over https, whom to trust in place of the system's authorities: a file of certificates in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) running: Running,
}

#[derive(Debug, Args)]
pub(crate) struct Can {
    /// Who: `key:NAME` for the holder of an API key, `oidc:ISSUER:SUBJECT` for that of a token, or `anonymous`
    #[arg(value_name = "PRINCIPAL")]
    pub(crate) principal: String,
    /// What: an operation such as `infer`, or `run`, `read`, `manage`
    #[arg(value_name = "OPERATION")]
    pub(crate) operation: String,
    /// The model's name, with `@VERSION` for one version
    #[arg(value_name = "MODEL[@VERSION]")]
    pub(crate) model: String,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "gateway.yaml")]
    pub(crate) config: PathBuf,
    /// The tenant the caller belongs to
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
    /// A group the caller is in; may be given more than once
    #[arg(long = "group", value_name = "GROUP")]
    pub(crate) groups: Vec<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Running {
    /// The admin listener of the running gateway
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9901")]
    pub(crate) admin: String,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Time between two pictures
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = crate::command::top::interval)]
    pub(crate) interval: Duration,
    /// End after so many pictures
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<NonZeroUsize>,
    #[command(flatten)]
    pub(crate) running: Running,
}

#[derive(Debug, Args)]
pub(crate) struct Output {
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Form::Table)]
    pub(crate) output: Form,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the JSON Schema of the configuration, for editors
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people
    Table,
    /// For programs
    Json,
    /// For both
    Yaml,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Generated {
    /// docs/configuration.md
    Configuration,
    /// docs/schema.json
    Schema,
    /// docs/errors.md
    Errors,
}
