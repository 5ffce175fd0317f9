//! What of the gateway itself can be looked at without its running: certificates, file descriptors, memory.

use std::time::SystemTime;

use sluicegate_config::Resolved;
use sluicegate_core::{Finding, Level};
use sluicegate_server::raise_limit;

use crate::gateway::{alarm, doors};
use crate::machine;

/// Descriptors for other things than connections of clients.
const BESIDE: u64 = 64;

pub(super) fn look(resolved: &Resolved, now: SystemTime) -> Vec<Finding> {
    let mut findings = alarm::of_listeners(resolved, now);
    if let Err(mistakes) = doors::usable(resolved, now) {
        let advice = "put the file right";
        findings.extend(mistakes.iter().map(|mistake| Finding::new(Level::Broken, mistake.to_string()).advise(advice)));
    }
    findings.extend(raise_limit().ok().flatten().and_then(|limit| descriptors(resolved, limit)));
    findings.extend(resolved.overload.memory.and_then(|wanted| memory(wanted, machine::memory())));
    findings
}

/// Each connection of a client takes one, and that to a model server may take another.
fn descriptors(resolved: &Resolved, limit: u64) -> Option<Finding> {
    let connections = resolved.listeners.iter().map(|listener| listener.limits.connections);
    let needed = connections.fold(BESIDE, |all, count| all.saturating_add(u64::try_from(count).unwrap_or(u64::MAX)));
    (needed > limit).then(|| {
        let what = format!(
            "the listeners allow {} connections, but a process started here may open {limit} files",
            needed - BESIDE
        );
        let advice = "raise the limit (`LimitNOFILE=` of the service, `ulimit -Hn`), or lower `limits.connections`";
        Finding::new(Level::Warning, what).advise(advice)
    })
}

/// Bodies are not all that takes memory.
fn memory(wanted: u64, there_is: u64) -> Option<Finding> {
    (wanted > there_is / 4 * 3).then(|| {
        let mebibytes = |bytes: u64| bytes >> 20;
        let what = format!(
            "`overload.memory` is {} MiB, of {} MiB that a process started here may use",
            mebibytes(wanted),
            mebibytes(there_is)
        );
        Finding::new(Level::Warning, what).advise("give it at most three quarters, or the process more memory")
    })
}

#[cfg(test)]
mod tests {
    use super::memory;

    #[test]
    fn memory_for_bodies_leaves_some_for_the_rest() {
        assert_eq!(memory(3 << 30, 4 << 30), None);
        let finding = memory((3 << 30) + 1, 4 << 30).unwrap();
        assert_eq!(finding.what, "`overload.memory` is 3072 MiB, of 4096 MiB that a process started here may use");
    }
}
