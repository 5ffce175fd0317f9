//! `cargo xtask readme`: does what the README says, as it says it, and looks at what comes.

use std::io::{BufRead, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::{Command, no_arguments};
use crate::say;

pub(crate) const COMMAND: Command = Command {
    name: "readme",
    usage: "",
    summary: "run the README's commands as written, and hold their answers against what it promises",
    run: |root, arguments| {
        no_arguments("readme", arguments)?;
        run(root)
    },
};

/// A release build from nothing is within it.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// What the README's first command opens.
const PORTS: [u16; 2] = [8080, 9901];

pub(crate) fn run(root: &Path) -> Result<()> {
    let text = std::fs::read_to_string(root.join("README.md")).context("README.md")?;
    let [start, call] = blocks(&text, "## Try it")?;
    let [look] = blocks(&text, "## Look around")?;
    let [test] = blocks(&text, "## Test it")?;
    ensure!(test.trim() == "cargo xtask test", "the README's test command is `{}`", test.trim());
    for port in PORTS {
        let free = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port)));
        free.with_context(|| format!("port {port}, which the README's first command opens, is taken"))?;
    }
    say::progress(format_args!("$ {}", start.trim()));
    let mut gateway = Gateway::start(root, start.trim())?;
    gateway.wait_for("Try:")?;
    let answer = shell(root, call.trim())?;
    ensure!(answer.contains("\"setosa\""), "the README's curl line answered {answer:?}");
    for line in look.lines().filter(|line| line.starts_with("sluicegate ")) {
        let command = line.split('#').next().unwrap_or(line).trim();
        shell(root, &format!("target/release/{command}"))?;
    }
    Ok(())
}

/// The `sh` blocks below a heading; there must be exactly `N`.
fn blocks<const N: usize>(text: &str, heading: &str) -> Result<[String; N]> {
    let (_, below) = text.split_once(heading).with_context(|| format!("the README has no `{heading}`"))?;
    let section = below.split("\n## ").next().unwrap_or(below);
    let found: Vec<String> = section
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```").map(|(block, _)| block.to_owned()))
        .collect();
    let count = found.len();
    <[String; N]>::try_from(found).map_err(|_| anyhow::anyhow!("`{heading}` has {count} commands, expected {N}"))
}

fn shell(root: &Path, command: &str) -> Result<String> {
    say::progress(format_args!("$ {command}"));
    let done = Process::new("sh").args(["-c", command]).current_dir(root).stdin(Stdio::null()).output()?;
    let complaint = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "`{command}` failed: {}\n{complaint}", done.status);
    String::from_utf8(done.stdout).with_context(|| format!("`{command}` did not write UTF-8"))
}

/// The README's first command, running; ended when dropped.
struct Gateway {
    child: Child,
    lines: Receiver<String>,
}

impl Gateway {
    fn start(root: &Path, command: &str) -> Result<Self> {
        let mut child = Process::new("sh")
            // The shell becomes the command, so that ending it ends the gateway.
            .args(["-c", &format!("exec {command}")])
            .current_dir(root)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let (sender, lines) = channel();
        let stderr = child.stderr.take().context("no standard error")?;
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stderr);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|count| count > 0) {
                if sender.send(std::mem::take(&mut line)).is_err() {
                    // Nobody waits any more; the pipe must not fill up all the same.
                    let _ = reader.read_to_end(&mut Vec::new());
                    return;
                }
            }
        });
        Ok(Self { child, lines })
    }

    fn wait_for(&mut self, wanted: &str) -> Result<()> {
        let mut said = String::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.trim() == wanted => return Ok(()),
                Ok(line) => said.push_str(&line),
                Err(RecvTimeoutError::Disconnected) => bail!("the README's first command ended; it said:\n{said}"),
                Err(RecvTimeoutError::Timeout) => bail!("`{wanted}` did not come; it said:\n{said}"),
            }
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::blocks;

    #[test]
    fn blocks_of_a_section() {
        let text = "# T\n\n## A\n\n```sh\none\n```\ntext\n```sh\ntwo\nthree\n```\n\n## B\n\n```sh\nfour\n```\n";
        assert_eq!(blocks::<2>(text, "## A").unwrap(), ["one\n", "two\nthree\n"]);
        assert_eq!(blocks::<1>(text, "## B").unwrap(), ["four\n"]);
        assert!(blocks::<1>(text, "## A").is_err() && blocks::<1>(text, "## C").is_err());
    }
}
