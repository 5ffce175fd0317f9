//! What memory processes hold.

use std::fs;

use serde::Serialize;

use super::processes::Process;

/// In KiB, over all of them.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Memory {
    /// The most that was ever resident.
    peak_kib: u64,
    /// What is resident now, shared pages divided among those that share them.
    pss_kib: u64,
}

impl Memory {
    /// Those that are gone hold nothing.
    pub(super) fn of(processes: &[Process]) -> Self {
        let read = |process: &Process, file: &str| {
            fs::read_to_string(format!("/proc/{}/{file}", process.id)).unwrap_or_default()
        };
        Self {
            peak_kib: processes.iter().filter_map(|process| kib(&read(process, "status"), "VmHWM:")).sum(),
            pss_kib: processes.iter().filter_map(|process| kib(&read(process, "smaps_rollup"), "Pss:")).sum(),
        }
    }
}

/// The figure behind a name.
pub(super) fn kib(text: &str, name: &str) -> Option<u64> {
    let figure = text.lines().find_map(|line| line.strip_prefix(name))?;
    figure.split_whitespace().next()?.parse().ok()
}
