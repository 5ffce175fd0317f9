//! Processes of a measurement: started where they belong, and ended with it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Lines, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::process::succeeds;
use crate::stopwatch::Stopwatch;

/// How long a proxy may take until it listens, or to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// The core a process runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Core {
    Number(u32),
    Any,
}

/// A process; ended when dropped, its children too.
pub(in crate::commands) struct Running {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    lines: Option<Lines<BufReader<ChildStdout>>>,
}

impl Core {
    /// A command that runs there, and ends when we do, even when we are killed. `setpriv` and `taskset` become the
    /// program they start, so the process is the program's own.
    pub(in crate::commands) fn command(self, program: impl AsRef<OsStr>) -> Command {
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
    pub(in crate::commands) fn start(name: &str, command: &mut Command, log: File) -> Result<Self> {
        Self::begin(name, command.stdin(Stdio::null()), log)
    }

    /// The same for one that is told lines.
    pub(in crate::commands) fn start_listening(name: &str, command: &mut Command, log: File) -> Result<Self> {
        Self::begin(name, command.stdin(Stdio::piped()), log)
    }

    fn begin(name: &str, command: &mut Command, log: File) -> Result<Self> {
        command.stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let lines = child.stdout.take().map(|out| BufReader::new(out).lines());
        let input = child.stdin.take();
        Ok(Self { name: name.to_owned(), child, input, lines })
    }

    pub(in crate::commands) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it a line.
    pub(in crate::commands) fn tell(&mut self, line: &str) -> Result<()> {
        let input = self.input.as_mut().with_context(|| format!("{} is told nothing", self.name))?;
        writeln!(input, "{line}").with_context(|| format!("{} ended", self.name))
    }

    /// The next line it prints.
    pub(in crate::commands) fn line(&mut self) -> Result<String> {
        let line = self.lines.as_mut().and_then(Iterator::next).with_context(|| format!("{} ended", self.name))?;
        Ok(line?)
    }

    /// The address in the next line it prints, `protocol ADDRESS`.
    pub(in crate::commands) fn address(&mut self, protocol: &str) -> Result<SocketAddr> {
        let line = self.line()?;
        let address = line.strip_prefix(protocol).with_context(|| format!("{} said: {line}", self.name))?;
        address.trim().parse().with_context(|| format!("{} said: {line}", self.name))
    }

    /// Waits until it takes connections there.
    pub(in crate::commands) fn wait_for(&mut self, address: SocketAddr) -> Result<()> {
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
pub(in crate::commands) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Lets what ended settle.
#[expect(clippy::disallowed_methods, reason = "other programs tell no event to wait for")]
pub(in crate::commands) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// What a process complains about goes there.
pub(in crate::commands) fn log(work: &Path, name: &str) -> Result<File> {
    File::create(work.join(format!("{name}.log"))).with_context(|| format!("cannot make {name}.log"))
}

/// An empty folder.
pub(in crate::commands) fn fresh(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    Ok(folder.to_path_buf())
}
