//! `sluicegate keys` as users type it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and show it, which is done only once
    Create(CreateKey),
    /// List the keys; their secrets are not kept and cannot be shown
    List(ListKeys),
    /// Give a key another secret; the one before goes on for a while
    Rotate(RotateKey),
    /// End a key at once, with all its secrets
    Revoke(RevokeKey),
}

#[derive(Debug, Args)]
pub(crate) struct CreateKey {
    /// Its name: 1 to 64 characters of `a-z`, `0-9`, `.`, `_`, `-`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The tenant whose it is
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: String,
    /// A group it is in; may be given more than once
    #[arg(long = "group", value_name = "GROUP")]
    pub(crate) groups: Vec<String>,
    /// What it may be used for at most: an operation such as `infer`, or `run`, `read`, `manage`; may be given more than once [default: run, read]
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,
    /// A model it may be used for; may be given more than once [default: any]
    #[arg(long = "model", value_name = "MODEL")]
    pub(crate) models: Vec<String>,
    /// What its calls are for; may be given more than once
    #[arg(long = "purpose", value_name = "PURPOSE")]
    pub(crate) purposes: Vec<String>,
    /// How long it is accepted, such as `90d` [default: until it is revoked]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) expires: Option<Duration>,
    #[command(flatten)]
    pub(crate) by: By,
}

#[derive(Debug, Args)]
pub(crate) struct ListKeys {
    /// Also those that are not accepted any more
    #[arg(long)]
    pub(crate) all: bool,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "gateway.yaml")]
    pub(crate) config: PathBuf,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct RotateKey {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// How long the secret before is still accepted, at most `90d`
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = time)]
    pub(crate) overlap: Duration,
    /// How long the new one is accepted, such as `90d` [default: as long as the one before would have been]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) expires: Option<Duration>,
    #[command(flatten)]
    pub(crate) by: By,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeKey {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) by: By,
}

/// Who changes keys, why, and where they are.
#[derive(Debug, Args)]
pub(crate) struct By {
    /// Why, for the list of changes; must be given to revoke
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Who changes it, for the list of changes [default: the system's user]
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "gateway.yaml")]
    pub(crate) config: PathBuf,
    #[command(flatten)]
    pub(crate) output: Output,
}

fn time(text: &str) -> Result<Duration, String> {
    sluicegate_core::duration(text).ok_or_else(|| "a time such as `90d`, `24h`, `30m`".to_owned())
}
