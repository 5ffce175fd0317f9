//! The servers, one proxy before them, and the clients: started anew for each run, so that nothing is remembered from the
//! one before.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::configs;
use super::options::Options;
use crate::commands::bench::process::{Core, Running, free_address, fresh, log};
use crate::peers::{Mode, proxies as peers};
use crate::process;

/// Who stands before the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proxy {
    Gateway,
    Haproxy,
    Nginx,
}

pub(super) const PROXIES: &[Proxy] = &[Proxy::Gateway, Proxy::Haproxy, Proxy::Nginx];

/// Where everything is.
pub(super) struct Programs {
    pub(super) gateway: PathBuf,
    pub(super) haproxy: PathBuf,
    pub(super) nginx: PathBuf,
    bench: PathBuf,
    work: PathBuf,
}

/// Everything of one run.
pub(super) struct Field {
    // Ended in this order, the servers last.
    proxy: Running,
    pub(super) servers: Running,
    address: SocketAddr,
    bench: PathBuf,
    work: PathBuf,
}

/// What a server counted, as `sluicegate-bench faulty` prints it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub(super) struct Counts {
    pub(super) begun: u64,
    pub(super) cancelled: u64,
    pub(super) most: u64,
    pub(super) until_quiet: Option<u64>,
}

/// The proxy has a core for itself, where there are two; the others share the other one.
const PROXY: u32 = 0;
const OTHERS: u32 = 1;

impl Proxy {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Haproxy => "haproxy",
            Self::Nginx => "nginx",
        }
    }
}

impl Programs {
    /// Builds what is ours, and finds the others.
    pub(super) fn ready(root: &Path, options: &Options) -> Result<Self> {
        let peers = peers::ready(Mode::Prepare)?;
        let peer = |name: &str| {
            let found = peers.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, path)| PathBuf::from(path)).with_context(|| format!("{name} is not set"))
        };
        let mut build = process::cargo(root);
        build.args(["build", "--release", "-p", "sluicegate-bench"]);
        if options.gateway.is_none() {
            build.args(["-p", "sluicegate"]);
        }
        process::run_aside(&mut build)?;
        let built = root.join("target/release");
        Ok(Self {
            gateway: options.gateway.as_ref().map_or_else(|| built.join("sluicegate"), |path| root.join(path)),
            haproxy: peer("SLUICEGATE_HAPROXY")?,
            nginx: peer("SLUICEGATE_NGINX")?,
            bench: built.join("sluicegate-bench"),
            work: fresh(&root.join("target/faults"))?,
        })
    }
}

impl Field {
    /// So many servers, and the proxy before them.
    pub(super) fn start(programs: &Programs, proxy: Proxy, servers: usize) -> Result<Self> {
        let Programs { bench, work, .. } = programs;
        let mut command = core(OTHERS)?.command(bench);
        command.args(["faulty", "--servers", &servers.to_string(), "--slots", "20", "--service", "40ms"]);
        let mut started = Running::start_listening("the servers", &mut command, log(work, "servers")?)?;
        let addresses: Vec<SocketAddr> = (0..servers).map(|_| started.address("http")).collect::<Result<_>>()?;

        let address = free_address()?;
        let place = core(PROXY)?;
        let folder = fresh(&work.join(proxy.name()))?;
        let mut command = match proxy {
            Proxy::Gateway => configs::gateway(place, &programs.gateway, address, &addresses, &folder)?,
            Proxy::Haproxy => configs::haproxy(place, &programs.haproxy, address, &addresses, &folder)?,
            Proxy::Nginx => configs::nginx(place, &programs.nginx, address, &addresses, &folder)?,
        };
        let mut running = Running::start(proxy.name(), &mut command, log(work, proxy.name())?)?;
        running.wait_for(address)?;
        Ok(Self { proxy: running, servers: started, address, bench: bench.clone(), work: work.clone() })
    }

    /// Starts the clients: rates and seconds one behind the other. They have begun when this returns.
    pub(super) fn clients(&self, phases: &[(f64, f64)], patience: u64, padding: usize) -> Result<Running> {
        let mut command = core(OTHERS)?.command(&self.bench);
        command.args(["arrivals", "--target", &self.address.to_string()]);
        for (rate, seconds) in phases {
            command.args(["--phase", &format!("{rate}:{seconds}")]);
        }
        command.args(["--timeout", &patience.to_string(), "--padding", &padding.to_string()]);
        command.args(["--proxy", &self.proxy.id().to_string(), "--own", &self.servers.id().to_string()]);
        let mut clients = Running::start("the clients", &mut command, log(&self.work, "clients")?)?;
        let begun = clients.line()?;
        anyhow::ensure!(begun == "begun", "the clients said: {begun}");
        Ok(clients)
    }

    /// What the servers counted.
    pub(super) fn counts(&mut self) -> Result<Vec<Counts>> {
        self.servers.tell("report")?;
        serde_json::from_str(&self.servers.line()?).context("what the servers counted")
    }
}

fn core(number: u32) -> Result<Core> {
    let alone = std::thread::available_parallelism()?.get() < 2;
    Ok(if alone { Core::Any } else { Core::Number(number) })
}
