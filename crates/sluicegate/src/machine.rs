//! What this process may use of the machine.

/// Where nothing is said.
const MODEST: u64 = 2 << 30;

/// Files of Linux that hold a limit of this process' memory in bytes: of cgroups of version 2, and of version 1.
const LIMITS: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// Bytes of memory that the process may use: of its container, where that has a limit, or of the machine.
pub(crate) fn memory() -> u64 {
    let limits = LIMITS.iter().filter_map(|path| std::fs::read_to_string(path).ok()?.trim().parse().ok());
    let total = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
    limits.chain(total).min().unwrap_or(MODEST)
}

/// The size of the machine's memory, out of `/proc/meminfo`.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::{memory, total};

    #[test]
    fn the_machine_says_how_much_it_has() {
        assert_eq!(total("MemTotal:       24580136 kB\nMemFree: 1 kB\n"), Some(24_580_136 * 1024));
        assert_eq!(total("MemFree: 1 kB\n"), None);
        assert!(memory() > 64 << 20, "no test runs with less");
    }
}
