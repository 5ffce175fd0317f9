//! The gateway, the servers behind it, and looking at both from outside.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::options::Options;
use crate::commands::bench::process::{Core, Running, free_address, fresh, log, pause};
use crate::process::{self, succeeds};
use crate::stopwatch::Stopwatch;

/// Where everything is.
pub(super) struct Programs {
    pub(super) gateway: PathBuf,
    pub(super) quick: bool,
    pub(super) bench: PathBuf,
    pub(super) work: PathBuf,
}

/// A gateway that runs.
pub(super) struct Gateway {
    /// The process that was started.
    running: Running,
    /// The process that serves: another one after a replacement.
    pub(super) process: u32,
    pub(super) clients: SocketAddr,
    pub(super) admin: SocketAddr,
    config: PathBuf,
    log: PathBuf,
}

/// How long anything may take that must happen.
const PATIENCE: Duration = Duration::from_secs(30);

impl Programs {
    /// Builds what is ours.
    pub(super) fn ready(root: &Path, options: &Options) -> Result<Self> {
        let mut build = process::cargo(root);
        build.args(["build", "--release", "-p", "sluicegate-bench"]);
        if options.gateway.is_none() {
            build.args(["-p", "sluicegate"]);
        }
        process::run_aside(&mut build)?;
        let built = root.join("target/release");
        Ok(Self {
            gateway: options.gateway.as_ref().map_or_else(|| built.join("sluicegate"), |path| root.join(path)),
            quick: options.quick,
            bench: built.join("sluicegate-bench"),
            work: fresh(&root.join("target/hold"))?,
        })
    }

    /// The full number, or the quick one.
    pub(super) fn of<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Servers or clients, beside the gateway and not on its core.
    pub(super) fn bench(&self, name: &str, arguments: &[String]) -> Result<Running> {
        let mut command = core(OTHERS)?.command(&self.bench);
        command.args(arguments);
        Running::start_listening(name, &mut command, log(&self.work, &name.replace(' ', "-"))?)
    }

    /// A folder of its own for a part.
    pub(super) fn folder(&self, name: &str) -> Result<PathBuf> {
        fresh(&self.work.join(name))
    }
}

impl Gateway {
    /// One of this configuration, in which `@clients@` and `@admin@` are its addresses; on a core of its own with one
    /// thread.
    pub(super) fn start(programs: &Programs, folder: &Path, text: &str) -> Result<Self> {
        let mut command = core(GATEWAY)?.command(&programs.gateway);
        command.arg("serve").args(["--threads", "1"]);
        Self::begin(command, folder, text)
    }

    /// One that is replaced: its threads are as many as its processors, which is one to begin with.
    pub(super) fn replaceable(programs: &Programs, folder: &Path, text: &str) -> Result<Self> {
        let mut command = core(GATEWAY)?.command(&programs.gateway);
        command.arg("serve");
        Self::begin(command, folder, text)
    }

    /// Has a new process take over, and waits until it has.
    pub(super) fn replace(&mut self) -> Result<()> {
        let before = self.process;
        ensure!(signal("USR2", before), "the process {before} takes no signal");
        until("that the binary is replaced", || {
            // The last line that names one: those of failures do not.
            let said = fs::read_to_string(&self.log).context("the gateway's log")?;
            ensure!(!said.contains("not replaced"), "{said}");
            let named = said.lines().filter(|line| line.contains("replaced: "));
            let process = named.filter_map(|line| line.split_once("process=")?.1.trim().parse().ok()).next_back();
            self.process = process.unwrap_or(before);
            Ok(self.process != before)
        })?;
        Ok(())
    }

    fn begin(mut command: Command, folder: &Path, text: &str) -> Result<Self> {
        let (clients, admin) = (free_address()?, free_address()?);
        let config = folder.join("gateway.yaml");
        fs::write(&config, addressed(text, clients, admin)).context("cannot write the configuration")?;
        command.arg("--config").arg(&config).args(["--access-log", "off"]);
        let mut running = Running::start("the gateway", &mut command, log(folder, "gateway")?)?;
        running.wait_for(clients)?;
        let process = running.id();
        Ok(Self { running, process, clients, admin, config, log: folder.join("gateway.log") })
    }

    /// Offers another configuration, in the way of careful programs: by renaming.
    pub(super) fn offer(&self, text: &str) -> Result<()> {
        let new = self.config.with_extension("new");
        fs::write(&new, addressed(text, self.clients, self.admin))?;
        Ok(fs::rename(&new, &self.config)?)
    }

    /// What its admin listener says of it.
    pub(super) fn status(&self) -> Result<Value> {
        let (status, body) = get(self.admin, "/status")?;
        ensure!(status == 200, "/status: {status}");
        serde_json::from_str(&body).context("/status")
    }

    /// Resident memory in KiB.
    pub(super) fn memory(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.process);
        let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }

    /// File descriptors it has open.
    pub(super) fn descriptors(&self) -> Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.process)).context("the gateway's descriptors")?.count())
    }

    pub(super) fn id(&self) -> u32 {
        self.running.id()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // One that took over is nobody's child.
        if self.process != self.running.id() {
            let _ = signal("TERM", self.process);
        }
    }
}

fn signal(name: &str, process: u32) -> bool {
    succeeds(Command::new("sh").args(["-c", "kill -\"$1\" \"$2\"", "sh", name, &process.to_string()]))
}

/// A configuration with its addresses in it.
fn addressed(text: &str, clients: SocketAddr, admin: SocketAddr) -> String {
    text.replace("@clients@", &clients.to_string()).replace("@admin@", &admin.to_string())
}

/// One question over a connection of its own.
pub(super) fn get(address: SocketAddr, path: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.get(9..12).context("no status")?.parse()?;
    let (_, body) = answer.split_once("\r\n\r\n").context("no head")?;
    Ok((status, body.to_owned()))
}

/// Looks again and again until it is so; how long that took.
pub(super) fn until(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<Duration> {
    let watch = Stopwatch::start();
    while !is_so()? {
        if watch.elapsed().0 > PATIENCE {
            bail!("{what} did not happen within {} s", PATIENCE.as_secs());
        }
        pause(Duration::from_millis(2));
    }
    Ok(watch.elapsed().0)
}

/// The gateway has a core for itself, where there are two; the others share the other one.
const GATEWAY: u32 = 0;
const OTHERS: u32 = 1;

fn core(number: u32) -> Result<Core> {
    let alone = std::thread::available_parallelism()?.get() < 2;
    Ok(if alone { Core::Any } else { Core::Number(number) })
}
