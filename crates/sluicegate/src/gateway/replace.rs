//! A process that takes this one's place: started from the file this one was started from, whatever lies there now, with
//! the same arguments and this one's listening sockets. The signal for it is SIGUSR2; docs/adr/0008 says why so.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use sluicegate_server::{Handed, Predecessor, Successor};

/// Tells a process that its standard input is such a channel.
const MARK: &str = "SLUICEGATE_TAKES_OVER";

/// How long a process that closed the channel may take to end, so that its exit code can be told; looked at so often.
const LAST_WORDS: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(10);

/// How this process was started.
pub(super) struct Binary {
    path: PathBuf,
    arguments: Vec<OsString>,
}

/// What this process has of the one before it.
#[derive(Default)]
pub(crate) struct Inherited {
    predecessor: Option<Predecessor>,
    pub(super) sockets: Vec<Handed>,
}

/// A process that is to take this one's place. Dropped before it serves, it is killed.
pub(super) struct Replacement {
    child: Child,
    successor: Successor,
    serves: bool,
}

impl Binary {
    /// To be noted at the start: once the file was replaced, the system calls it deleted.
    pub(super) fn of_this_process() -> io::Result<Self> {
        let mut arguments = env::args_os();
        let called = arguments.next().map(PathBuf::from).unwrap_or_default();
        let running = env::current_exe()?;
        Ok(Self { path: as_called(&called, &running).unwrap_or(running), arguments: arguments.collect() })
    }
}

/// The path by which `running` was called: a symbolic link on it may lead to another file by the time it is needed.
fn as_called(called: &Path, running: &Path) -> Option<PathBuf> {
    let leads_there = |path: &PathBuf| path.canonicalize().is_ok_and(|real| real == running);
    if called.components().nth(1).is_some() {
        return std::path::absolute(called).ok().filter(leads_there);
    }
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(called)).find(leads_there)
}

impl Inherited {
    /// What the process before this one handed over, if there was one.
    ///
    /// # Errors
    /// It was not handed over whole.
    pub(crate) fn take() -> anyhow::Result<Self> {
        if env::var_os(MARK).is_none() {
            return Ok(Self::default());
        }
        let taken = io::stdin().as_fd().try_clone_to_owned().and_then(Predecessor::from);
        let (predecessor, sockets) =
            taken.with_context(|| format!("{MARK} is set, but no sockets were handed over"))?;
        Ok(Self { predecessor: Some(predecessor), sockets })
    }

    /// Tells the process before this one to end: this one serves. `false` if there is none.
    pub(super) fn serves(&mut self) -> bool {
        let Some(predecessor) = self.predecessor.take() else { return false };
        if let Err(error) = predecessor.serves() {
            tracing::warn!(%error, "the process before this one is gone already");
        }
        true
    }
}

impl Replacement {
    /// Starts it. It does not serve yet.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn start(binary: &Binary, sockets: &[Handed]) -> anyhow::Result<Self> {
        if std::process::id() == 1 {
            bail!("the first process of a container ends with the container, and cannot be replaced");
        }
        let (successor, channel) = Successor::of(sockets).context("the listening sockets cannot be handed over")?;
        let child =
            Command::new(&binary.path).args(&binary.arguments).env(MARK, "1").stdin(Stdio::from(channel)).spawn();
        let child = child.with_context(|| format!("{} cannot be started", binary.path.display()))?;
        Ok(Self { child, successor, serves: false })
    }

    /// The number of the process.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it serves.
    ///
    /// # Errors
    /// It ended before, or did not serve in time. It is gone then.
    pub(super) async fn serves(&mut self, within: Duration) -> anyhow::Result<()> {
        match tokio::time::timeout(within, self.successor.serves()).await {
            Ok(Ok(())) => {
                self.serves = true;
                Ok(())
            }
            Ok(Err(error)) => match self.ended().await {
                Some(status) => bail!("it ended before it served ({status})"),
                None => bail!("it gave up before it served: {error}"),
            },
            Err(_) => bail!("it did not serve within {within:?}"),
        }
    }

    /// How it ended, if it does.
    async fn ended(&mut self) -> Option<ExitStatus> {
        let looking = async {
            loop {
                match self.child.try_wait() {
                    Ok(None) => tokio::time::sleep(LOOK).await,
                    ended => return ended.ok().flatten(),
                }
            }
        };
        tokio::time::timeout(LAST_WORDS, looking).await.ok().flatten()
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.serves {
            // Gone already, or gone now; waited for so that it leaves no entry in the system's table.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_on_the_way_to_the_binary_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let (real, link) = (folder.join("sluicegate-1"), folder.join("sluicegate"));
        std::fs::write(&real, "").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert_eq!(as_called(&link, &real), Some(link.clone()));
        assert_eq!(as_called(&real, &real), Some(real.clone()));
        assert_eq!(as_called(&folder.join("another"), &real), None);
        assert_eq!(as_called(Path::new("no-such-program"), &real), None);
    }
}
