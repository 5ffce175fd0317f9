//! The machine and the programs, for the report.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::proxies::Programs;

/// What a figure must not be told without.
pub(super) struct Machine {
    /// Name and value of each fact.
    pub(super) facts: Vec<(&'static str, String)>,
}

impl Machine {
    pub(super) fn look(root: &Path, programs: &Programs) -> Result<Self> {
        let cores = std::thread::available_parallelism()?;
        let mut facts = vec![
            ("date", first_line(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]))),
            ("machine", format!("{}, {cores} cores", processor())),
            ("kernel", first_line(Command::new("uname").arg("-sr"))),
            ("compiler", first_line(Command::new("rustc").arg("--version"))),
        ];
        for gateway in &programs.gateways {
            let path = gateway.path.as_deref().unwrap_or(&programs.gateway);
            let version = first_line(Command::new(path).arg("--version"));
            let commit = first_line(Command::new("git").args(["describe", "--always", "--dirty"]).current_dir(root));
            let built = if path == programs.gateway { format!(" at {commit}") } else { String::new() };
            let how: Vec<String> = gateway
                .variables
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .chain(gateway.arguments.iter().cloned())
                .collect();
            facts.push(("gateway", format!("`{}`: {version}{built} {}", gateway.name, how.join(" "))));
        }
        facts.push(("nginx", first_line(Command::new(&programs.nginx).arg("-v"))));
        facts.push(("HAProxy", first_line(Command::new(&programs.haproxy).arg("-v"))));
        Ok(Self { facts })
    }
}

/// The load average over one, five and fifteen minutes.
pub(in crate::commands) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// How a process is scheduled, by the names of sched(7).
pub(super) fn scheduling(id: u32) -> String {
    class(&fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default())
}

/// Of the text of `/proc/ID/stat`, whose 19th field is the niceness, and 41st the policy.
pub(super) fn class(stat: &str) -> String {
    // The name stands in brackets and may hold anything; the third field is the first behind them.
    let fields: Vec<&str> =
        stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
    let field = |number: usize| fields.get(number - 3).copied().unwrap_or("unknown");
    let policy = match field(41) {
        "0" => "SCHED_OTHER",
        "1" => "SCHED_FIFO",
        "2" => "SCHED_RR",
        "3" => "SCHED_BATCH",
        "5" => "SCHED_IDLE",
        "6" => "SCHED_DEADLINE",
        other => other,
    };
    format!("{policy}, nice {}", field(19))
}

pub(in crate::commands) fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    name.trim_start_matches([' ', '\t', ':']).to_owned()
}

/// The first line a program prints, wherever it prints it; nothing where it cannot be started.
pub(in crate::commands) fn first_line(command: &mut Command) -> String {
    let Ok(done) = command.output() else { return String::new() };
    let text = [done.stdout, done.stderr].concat();
    String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned()
}
