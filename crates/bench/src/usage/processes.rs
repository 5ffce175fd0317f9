//! The machine's processes: who is whose child, and how long each of their threads has run.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// A process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) id: u32,
    pub(super) parent: u32,
}

/// The parent of the kernel's threads.
const KTHREADD: u32 = 2;

impl Process {
    /// Of `/proc/ID/stat`.
    pub(super) fn parse(stat: &str) -> Option<Self> {
        let (id, _) = stat.split_once(' ')?;
        // The name stands in brackets and may hold anything, brackets too.
        let (_, rest) = stat.rsplit_once(')')?;
        let parent = rest.split_whitespace().nth(1)?;
        Some(Self { id: id.parse().ok()?, parent: parent.parse().ok()? })
    }

    /// How long each of its threads has run. Nothing when it is gone.
    pub(super) fn threads(&self) -> impl Iterator<Item = (u32, u64)> + use<> {
        numbered(Path::new(&format!("/proc/{}/task", self.id)))
            .filter_map(|(id, folder)| Some((id, run_time(&fs::read_to_string(folder.join("schedstat")).ok()?)?)))
    }

    /// How long all its threads that are left have run.
    pub(super) fn nanoseconds(&self) -> u64 {
        self.threads().map(|(_, time)| time).sum()
    }

    pub(super) const fn is_kernel(&self) -> bool {
        self.id == KTHREADD || self.parent == KTHREADD
    }
}

/// Of `schedstat`: time on a core, time waited for one, turns.
pub(super) fn run_time(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

/// Every process there is.
pub(super) fn all() -> Result<Vec<Process>> {
    fs::read_dir("/proc").context("this system has no /proc")?;
    let stats = numbered(Path::new("/proc")).filter_map(|(_, folder)| fs::read_to_string(folder.join("stat")).ok());
    Ok(stats.filter_map(|stat| Process::parse(&stat)).collect())
}

/// These processes, their children, and so on.
pub(super) fn with_children(processes: &[Process], roots: &[u32]) -> Vec<Process> {
    let mut found: Vec<Process> = processes.iter().filter(|process| roots.contains(&process.id)).copied().collect();
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        let known = |process: &Process| found.iter().any(|known| known.id == process.id);
        let children = processes.iter().filter(|process| process.parent == parent.id && !known(process));
        let children: Vec<Process> = children.copied().collect();
        found.extend(children);
        at += 1;
    }
    found
}

/// The folders whose names are numbers.
fn numbered(folder: &Path) -> impl Iterator<Item = (u32, std::path::PathBuf)> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
}
