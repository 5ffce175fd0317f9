//! What processes and the machine spent between two times, read from `/proc`. docs/benchmarks/README.md says how far
//! these figures can be trusted.

mod memory;
mod processes;

use std::collections::HashMap;
use std::fs;

use anyhow::{Context as _, Result};
use serde::Serialize;

pub(crate) use self::memory::Memory;
use self::processes::{Process, all, with_children};
use crate::clock;

/// Whose time is told apart.
pub(crate) struct Watched {
    /// The process that is measured; its children belong to it.
    pub(crate) proxy: Option<u32>,
    /// Others of the measurement. This process is always one of them.
    pub(crate) own: Vec<u32>,
}

/// The beginning of a window.
pub(crate) struct Usage {
    proxy: Vec<Process>,
    own: Vec<Process>,
    before: Reading,
    at: u64,
}

/// Counters at one time, in nanoseconds.
struct Reading {
    /// Of each thread of the proxy.
    threads: HashMap<u32, u64>,
    machine: Machine,
    own: u64,
    /// Of each process that has nothing to do with the measurement.
    others: HashMap<u32, u64>,
}

/// The machine's own counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Machine {
    busy: u64,
    steal: u64,
}

/// What was spent in a window, in nanoseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Spent {
    /// By the proxy and its children.
    proxy_ns: u64,
    /// By that thread of theirs which spent most.
    busiest_thread_ns: u64,
    /// By the clients and the model server.
    own_ns: u64,
    /// By all other processes that are still there.
    others_ns: u64,
    /// By all cores, as the machine counts it: coarsely, but also what processes spent that are gone.
    machine_ns: u64,
    /// Withheld by the host from all cores.
    steal_ns: u64,
    #[serde(flatten)]
    memory: Memory,
}

/// Ticks of `/proc/stat` are hundredths of a second on every Linux there is.
const TICK: u64 = 10_000_000;

impl Usage {
    /// Begins a window.
    pub(crate) fn begin(watched: &Watched) -> Result<Self> {
        let processes = all()?;
        let proxy = with_children(&processes, watched.proxy.as_slice());
        let own = with_children(&processes, &[&watched.own[..], &[std::process::id()]].concat());
        // What matters most is read last here and first at the end.
        let others = others(&processes, &proxy, &own);
        let own_time = own.iter().map(|process| process.nanoseconds()).sum();
        let machine = Machine::read()?;
        let threads = proxy.iter().flat_map(|process| process.threads()).collect();
        let before = Reading { threads, machine, own: own_time, others };
        Ok(Self { proxy, own, before, at: clock::now() })
    }

    /// Ends it: how long it was, and what was spent in it.
    pub(crate) fn end(self) -> Result<(u64, Spent)> {
        let elapsed = clock::now() - self.at;
        let threads = self.proxy.iter().flat_map(|process| process.threads());
        let threads: Vec<u64> = threads.map(|(id, now)| since(&self.before.threads, id, now)).collect();
        let machine = Machine::read()?;
        let own: u64 = self.own.iter().map(|process| process.nanoseconds()).sum();
        let others = others(&all()?, &self.proxy, &self.own);
        let others = others.iter().map(|(id, now)| since(&self.before.others, *id, *now));
        let spent = Spent {
            proxy_ns: threads.iter().sum(),
            busiest_thread_ns: threads.iter().copied().max().unwrap_or_default(),
            own_ns: own.saturating_sub(self.before.own),
            others_ns: others.sum(),
            machine_ns: machine.busy.saturating_sub(self.before.machine.busy),
            steal_ns: machine.steal.saturating_sub(self.before.machine.steal),
            memory: Memory::of(&self.proxy),
        };
        Ok((elapsed, spent))
    }
}

/// What one counter gained; all of it where it was not there before.
fn since(before: &HashMap<u32, u64>, id: u32, now: u64) -> u64 {
    now.saturating_sub(before.get(&id).copied().unwrap_or_default())
}

fn others(processes: &[Process], proxy: &[Process], own: &[Process]) -> HashMap<u32, u64> {
    let ours = |process: &Process| proxy.iter().chain(own).any(|ours| ours.id == process.id);
    // The kernel's threads work for whoever asks, most of all for us.
    let strangers = processes.iter().filter(|process| !process.is_kernel() && !ours(process));
    strangers.map(|process| (process.id, process.nanoseconds())).collect()
}

impl Machine {
    fn read() -> Result<Self> {
        Self::parse(&fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?)
    }

    fn parse(text: &str) -> Result<Self> {
        let line = text.lines().find_map(|line| line.strip_prefix("cpu ")).context("/proc/stat has no line `cpu`")?;
        let ticks: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
        let &[user, nice, system, _idle, _iowait, irq, softirq, steal, ..] = &ticks[..] else {
            anyhow::bail!("/proc/stat tells no steal");
        };
        Ok(Self { busy: (user + nice + system + irq + softirq) * TICK, steal: steal * TICK })
    }
}

#[cfg(test)]
mod tests;
