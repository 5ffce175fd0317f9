//! What was asked for.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use super::field::{PROXIES, Proxy};
use super::scenario::{ALL, Scenario};

/// The overload run, by the name that `--only` knows it by.
const OVERLOAD: &str = "overload";

/// Everything the command line says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Options {
    /// A few scenarios, short, of the gateway alone; latency is not judged.
    pub(super) quick: bool,
    pub(super) scenarios: Vec<&'static Scenario>,
    pub(super) overload: bool,
    pub(super) proxies: Vec<Proxy>,
    /// A build of the gateway, where it is not to be made.
    pub(super) gateway: Option<PathBuf>,
    pub(super) out: Option<PathBuf>,
}

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self> {
        let (mut quick, mut only, mut proxies) = (false, None, None);
        let (mut gateway, mut out) = (None, None);
        let mut rest = arguments.iter().map(String::as_str);
        while let Some(flag) = rest.next() {
            if flag == "--quick" {
                quick = true;
                continue;
            }
            let value = rest.next().with_context(|| format!("`{flag}` is not known, or wants a value"))?;
            match flag {
                "--only" => only = Some(value),
                "--proxies" => proxies = Some(value.split(',').map(proxy).collect::<Result<Vec<_>>>()?),
                "--gateway" => gateway = Some(value.into()),
                "--out" => out = Some(value.into()),
                unknown => bail!("`cargo xtask faults` does not know `{unknown}`; see docs/reliability.md"),
            }
        }
        let (scenarios, overload) = chosen(only, quick)?;
        let proxies = proxies.unwrap_or_else(|| if quick { vec![Proxy::Gateway] } else { PROXIES.to_vec() });
        Ok(Self { quick, scenarios, overload, proxies, gateway, out })
    }
}

/// The scenarios, and whether too much load is one of them.
fn chosen(only: Option<&str>, quick: bool) -> Result<(Vec<&'static Scenario>, bool)> {
    let Some(only) = only else {
        return Ok((ALL.iter().filter(|scenario| !quick || scenario.quick.is_some()).collect(), !quick));
    };
    let names: Vec<&str> = only.split(',').collect();
    let overload = names.contains(&OVERLOAD);
    ensure!(!(overload && quick), "`overload` needs a machine for itself and its time: it is not quick");
    let scenarios = names.iter().filter(|name| **name != OVERLOAD).map(|name| {
        ALL.iter().find(|scenario| scenario.name == *name).with_context(|| {
            let all: Vec<&str> = ALL.iter().map(|scenario| scenario.name).chain([OVERLOAD]).collect();
            format!("there is no scenario `{name}`; there are: {}", all.join(", "))
        })
    });
    Ok((scenarios.collect::<Result<_>>()?, overload))
}

fn proxy(name: &str) -> Result<Proxy> {
    let found = PROXIES.iter().find(|proxy| proxy.name() == name);
    found.copied().with_context(|| format!("there is no proxy `{name}`; there are: gateway, haproxy, nginx"))
}
