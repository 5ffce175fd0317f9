//! What was asked for.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use super::workload::{ALL, Workload};

/// The proxies that are always there; gateways have names of their own.
pub(super) const FIXED: [&str; 6] = ["direct", "floor", "floor-h2", "nginx", "nginx-256k", "haproxy"];
/// The gateway's name where none was given.
const GATEWAY: &str = "gateway";

/// Everything the command line says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Options {
    pub(super) rounds: usize,
    pub(super) seconds: f64,
    pub(super) workloads: Vec<Workload>,
    /// Names of the proxies to measure; all where none are named.
    pub(super) proxies: Vec<String>,
    pub(super) gateways: Vec<Gateway>,
    /// Threads of each proxy.
    pub(super) threads: usize,
    /// The proxy on one core and all else on the other.
    pub(super) pinned: bool,
    /// Connections, where it is not the workload's own number.
    pub(super) connections: Option<usize>,
    /// Streams on each of them, over gRPC.
    pub(super) streams: usize,
    /// Also at a fixed rate.
    pub(super) open: bool,
    pub(super) out: Option<PathBuf>,
}

/// One build of the gateway, and how it is started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Gateway {
    pub(super) name: String,
    /// The program; `None` is the one that was just built.
    pub(super) path: Option<PathBuf>,
    pub(super) arguments: Vec<String>,
    pub(super) variables: Vec<(String, String)>,
}

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self {
            rounds: 9,
            seconds: 1.5,
            workloads: ALL.to_vec(),
            proxies: Vec::new(),
            gateways: Vec::new(),
            threads: 1,
            pinned: true,
            connections: None,
            streams: 4,
            open: false,
            out: None,
        };
        let mut rest = arguments.iter().map(String::as_str);
        while let Some(flag) = rest.next() {
            match flag {
                "--quick" => (options.rounds, options.seconds) = (3, 0.7),
                "--unpinned" => options.pinned = false,
                "--open" => options.open = true,
                _ => {
                    let value = rest.next().with_context(|| format!("`{flag}` is not known, or wants a value"))?;
                    options.set(flag, value)?;
                }
            }
        }
        if options.gateways.is_empty() {
            options.gateways.push(Gateway { name: GATEWAY.to_owned(), ..Gateway::default() });
        }
        options.check()?;
        Ok(options)
    }

    fn set(&mut self, flag: &str, value: &str) -> Result<()> {
        let number = || value.parse().with_context(|| format!("`{flag} {value}`: no number"));
        match flag {
            "--rounds" => self.rounds = number()?,
            "--threads" => self.threads = number()?,
            "--streams" => self.streams = number()?,
            "--connections" => self.connections = Some(number()?),
            "--seconds" => self.seconds = value.parse().with_context(|| format!("`{flag} {value}`: no number"))?,
            "--workloads" => self.workloads = value.split(',').map(Workload::named).collect::<Result<_>>()?,
            "--proxies" => self.proxies = value.split(',').map(str::to_owned).collect(),
            "--gateway" => self.gateways.push(Gateway::parse(value)?),
            "--out" => self.out = Some(value.into()),
            unknown => bail!("`cargo xtask bench` does not know `{unknown}`; see docs/benchmarks/README.md"),
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        ensure!(
            self.rounds > 0 && self.threads > 0 && self.connections != Some(0) && self.streams > 0,
            "zero measures nothing"
        );
        ensure!(self.seconds > 0.0 && self.seconds < 3600.0, "`--seconds` is a time within an hour");
        let names: Vec<&str> = self.gateways.iter().map(|gateway| gateway.name.as_str()).collect();
        for (at, name) in names.iter().enumerate() {
            let taken = FIXED.contains(name) || names.iter().take(at).any(|other| other == name);
            ensure!(!taken && !name.is_empty(), "a gateway cannot be called `{name}`: the name is taken");
        }
        for wanted in &self.proxies {
            let known = FIXED.contains(&wanted.as_str()) || names.contains(&wanted.as_str());
            ensure!(known, "there is no proxy `{wanted}`; there are: {}, {}", FIXED.join(", "), names.join(", "));
        }
        Ok(())
    }

    /// Whether this proxy is to be measured.
    pub(super) fn wants(&self, proxy: &str) -> bool {
        self.proxies.is_empty() || self.proxies.iter().any(|wanted| wanted == proxy)
    }
}

impl Gateway {
    /// `NAME=PATH[,WORD...]`: a word `KEY=VALUE` is a variable of its environment, any other an argument of `serve`.
    fn parse(value: &str) -> Result<Self> {
        let (name, rest) = value.split_once('=').context("`--gateway` wants NAME=PATH[,ARGUMENT...]")?;
        let mut words = rest.split(',');
        let path = words.next().filter(|path| !path.is_empty()).context("`--gateway` wants a path")?;
        let mut gateway = Self { name: name.to_owned(), path: Some(path.into()), ..Self::default() };
        for word in words {
            match word.split_once('=') {
                Some((key, value)) if !key.starts_with('-') => {
                    gateway.variables.push((key.to_owned(), value.to_owned()));
                }
                _ => gateway.arguments.push(word.to_owned()),
            }
        }
        Ok(gateway)
    }
}
