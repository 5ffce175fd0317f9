//! Processes of a measurement: started where they belong, and ended with it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Lines};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::process::succeeds;
use crate::stopwatch::Stopwatch;

/// How long a proxy may take until it listens, or to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// The core a process runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Core {
    Number(u32),
    Any,
}

/// A process; ended when dropped, its children too.
pub(super) struct Running {
    name: String,
    child: Child,
    lines: Option<Lines<BufReader<ChildStdout>>>,
}

impl Core {
    /// A command that runs there, and ends when we do, even when we are killed. `setpriv` and `taskset` become the
    /// program they start, so the process is the program's own.
    pub(super) fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM"]);
        if let Self::Number(number) = self {
            command.args(["taskset", "-c", &number.to_string()]);
        }
        command.arg(program);
        command
    }
}

impl Running {
    /// Starts it; what it complains about goes into `log`.
    pub(super) fn start(name: &str, command: &mut Command, log: File) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let lines = child.stdout.take().map(|out| BufReader::new(out).lines());
        Ok(Self { name: name.to_owned(), child, lines })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The address in the next line it prints, `protocol ADDRESS`.
    pub(super) fn address(&mut self, protocol: &str) -> Result<SocketAddr> {
        let line = self.lines.as_mut().and_then(Iterator::next).with_context(|| format!("{} ended", self.name))??;
        let address = line.strip_prefix(protocol).with_context(|| format!("{} said: {line}", self.name))?;
        address.trim().parse().with_context(|| format!("{} said: {line}", self.name))
    }

    /// Waits until it takes connections there.
    pub(super) fn wait_for(&mut self, address: SocketAddr) -> Result<()> {
        let watch = Stopwatch::start();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended before it listened: {status}", self.name);
            }
            ensure!(watch.elapsed().0 < PATIENCE, "{} does not listen on {address}", self.name);
            pause(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Asked first: nginx ends its children only when it may end by itself.
        let id = self.child.id().to_string();
        let asked = succeeds(Command::new("sh").args(["-c", "kill -TERM \"$1\"", "sh", &id]));
        let watch = Stopwatch::start();
        while asked && watch.elapsed().0 < PATIENCE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            pause(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port nobody listens on, for servers that cannot say which one they took.
pub(super) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Lets what ended settle.
#[expect(clippy::disallowed_methods, reason = "other programs tell no event to wait for")]
pub(super) fn pause(time: Duration) {
    std::thread::sleep(time);
}
