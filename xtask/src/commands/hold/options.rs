//! What was asked for.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::part::{PARTS, Part};

/// Everything the command line says.
#[derive(Debug)]
pub(super) struct Options {
    /// Less of everything; times are not judged.
    pub(super) quick: bool,
    pub(super) parts: Vec<&'static Part>,
    /// A build of the gateway, where it is not to be made.
    pub(super) gateway: Option<PathBuf>,
    pub(super) out: Option<PathBuf>,
}

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self { quick: false, parts: PARTS.iter().collect(), gateway: None, out: None };
        let mut rest = arguments.iter().map(String::as_str);
        while let Some(flag) = rest.next() {
            if flag == "--quick" {
                options.quick = true;
                continue;
            }
            let value = rest.next().with_context(|| format!("`{flag}` is not known, or wants a value"))?;
            match flag {
                "--only" => options.parts = value.split(',').map(part).collect::<Result<_>>()?,
                "--gateway" => options.gateway = Some(value.into()),
                "--out" => options.out = Some(value.into()),
                unknown => bail!("`cargo xtask hold` does not know `{unknown}`; see docs/reliability.md"),
            }
        }
        Ok(options)
    }
}

fn part(name: &str) -> Result<&'static Part> {
    PARTS.iter().find(|part| part.name == name).with_context(|| {
        let all: Vec<&str> = PARTS.iter().map(|part| part.name).collect();
        format!("there is no part `{name}`; there are: {}", all.join(", "))
    })
}
