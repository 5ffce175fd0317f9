//! Runs the binary and waits for what it says, never for a while.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::http::{Client, Response};

/// How long anything may take before a test says it does not happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running gateway; killed when dropped.
pub(crate) struct Gateway {
    child: Child,
    /// The process that serves now: another one once the gateway was replaced.
    pub(crate) process: u32,
    pub(crate) data: SocketAddr,
    pub(crate) admin: SocketAddr,
    lines: Receiver<String>,
    /// What it wrote to standard error so far, line by line.
    pub(crate) said: Vec<String>,
    stdout: Receiver<String>,
}

impl Gateway {
    /// `sluicegate serve` with these arguments, on ports of the system's choice.
    pub(crate) fn serve(arguments: &[&str]) -> Self {
        Self::serve_as_configured(&[arguments, &["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]].concat())
    }

    /// `sluicegate serve` with these arguments, on the ports they say.
    pub(crate) fn serve_as_configured(arguments: &[&str]) -> Self {
        Self::run(Path::new(env!("CARGO_BIN_EXE_sluicegate")), arguments)
    }

    /// The same, of a binary that lies elsewhere.
    pub(crate) fn run(binary: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(binary)
            .arg("serve")
            .args(arguments)
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let lines = follow(child.stderr.take().unwrap());
        let stdout = follow(child.stdout.take().unwrap());
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let process = child.id();
        let mut gateway = Self { child, process, data: nowhere, admin: nowhere, lines, said: Vec::new(), stdout };
        gateway.data = gateway.wait_for_address(|line| !line.starts_with("admin"));
        gateway.admin = gateway.wait_for_address(|line| line.starts_with("admin"));
        gateway
    }

    /// A gateway of this configuration, written into `folder`.
    pub(crate) fn of(folder: &Path, configuration: &str) -> (Self, PathBuf) {
        let path = folder.join("gateway.yaml");
        std::fs::write(&path, configuration).unwrap();
        (Self::serve(&["--config", path.to_str().unwrap()]), path)
    }

    fn wait_for_address(&mut self, wanted: impl Fn(&str) -> bool) -> SocketAddr {
        let line = self.wait_for("an address", |line| line.contains("://") && wanted(line.trim()));
        let rest = line.split("://").nth(1).unwrap();
        let address = rest.split_whitespace().next().unwrap();
        address.parse().unwrap_or_else(|_| panic!("no address in {line:?}"))
    }

    /// The next line on standard error that fits.
    pub(crate) fn wait_for(&mut self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let deadline = now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.said.push(line.clone());
                    if fits(&line) {
                        return line;
                    }
                }
                Err(_) => panic!("the gateway did not say {what}; it said:\n{}", self.said.join("\n")),
            }
        }
    }

    /// The next access log line that fits.
    pub(crate) fn wait_for_record(&self, fits: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        let deadline = now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(now());
            let line = self.stdout.recv_timeout(left).expect("no such line in the access log");
            let record = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
            if fits(&record) {
                return record;
            }
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.data)
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.client().get(path)
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Response {
        self.client().post(path, body)
    }

    pub(crate) fn admin(&self, path: &str) -> Response {
        Client::connect(self.admin).get(path)
    }

    /// Waits until this many requests are under way.
    pub(crate) fn wait_until_in_flight(&self, count: usize) {
        let wanted = format!(" {count}");
        eventually("requests in flight", || {
            let metrics = self.admin("/metrics");
            let mut lines = metrics.text().lines();
            lines.any(|line| line.starts_with("sluicegate_requests_in_flight{") && line.ends_with(&wanted))
        });
    }

    /// Most memory the process has held so far, in KiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// The memory the process holds, in KiB, less the pages of its own binary, which come and go as code is used.
    pub(crate) fn memory(&self) -> u64 {
        self.status("RssAnon:")
    }

    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process)).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// The file descriptors it has open.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process)).unwrap().count()
    }

    /// Its threads whose names begin like this.
    pub(crate) fn threads(&self, begin: &str) -> usize {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.process)).unwrap();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.filter(|name| name.starts_with(begin)).count()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.process.to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Waits until another process has taken over, which is the gateway from then on.
    pub(crate) fn wait_until_replaced(&mut self) {
        let line =
            self.wait_for("that it was replaced", |line| line.contains("replaced: ") || line.contains("not replaced"));
        let (_, process) = line.split_once("process=").unwrap_or_else(|| panic!("{line}"));
        self.process = process.trim().parse().unwrap();
    }

    /// Waits for the process, and those that took over, to end by themselves.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = now() + PATIENCE;
        // The end of standard error is the end of the process.
        while self.lines.recv_timeout(deadline.saturating_duration_since(now())).is_ok() {}
        self.child.wait().unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if self.process != self.child.id() {
            // It may be gone already.
            let _ = Command::new("kill").args(["-KILL", &self.process.to_string()]).stderr(Stdio::null()).status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the binary to its end.
pub(crate) fn sluicegate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sluicegate"))
        .args(arguments)
        .current_dir(root())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}

/// A shell script in `folder`, to be run.
pub(crate) fn shell(folder: &Path, script: &str) -> PathBuf {
    let path = folder.join("script");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    assert!(Command::new("chmod").arg("755").arg(&path).status().unwrap().success());
    path
}

/// A number that the environment may give.
pub(crate) fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

/// A peer that `cargo xtask test` prepares. A test that needs one fails without it.
pub(crate) fn peer(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run the tests by `cargo xtask test`"))
}

/// Runs a script of `tests/python`, with the interpreter that `environment` names, and gives back the report it prints.
#[track_caller]
pub(crate) fn script(environment: &str, name: &str, arguments: &[&str]) -> serde_json::Value {
    let output = Command::new(peer(environment))
        .arg(root().join("tests/python").join(name))
        .args(arguments)
        .output()
        .expect("python starts");
    assert!(output.status.success(), "{name} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{name} {arguments:?}: {error}"))
}

/// A port that was free a moment ago, for servers that cannot choose one themselves.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Asks again until the answer is yes. For peers that give no sign of their own when they are ready.
pub(crate) fn eventually(what: &str, condition: impl FnMut() -> bool) {
    eventually_within(PATIENCE, what, condition);
}

/// The same with more patience, or less.
pub(crate) fn eventually_within(patience: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = now() + patience;
    while !condition() {
        assert!(now() < deadline, "{what}: not within {patience:?}");
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "a poll between two looks at another process, bounded by its caller")]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

#[expect(clippy::disallowed_methods, reason = "tests bound their waiting by the machine's own time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

fn follow(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|count| count > 0) {
            if sender.send(line.trim_end().to_owned()).is_err() {
                // Nobody listens any more: keep the pipe empty all the same.
                let _ = reader.read_to_end(&mut Vec::new());
                return;
            }
            line.clear();
        }
    });
    receiver
}

/// A server of another make, running until dropped.
pub(crate) struct Peer {
    child: Child,
}

impl Peer {
    /// Runs `command` below a keeper that ends it when this process ends, however that happens.
    pub(crate) fn start(python: &str, command: &[&str], folder: &Path) -> Self {
        let child = Command::new(python)
            .arg(root().join("tests/python/until_stdin_closes.py"))
            .args(command)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("stderr.log")).unwrap())
            .spawn()
            .expect("python starts");
        Self { child }
    }

    pub(crate) fn ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Sends a signal to the server itself, not to its keeper.
    pub(crate) fn signal(&self, name: &str) {
        let keeper = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{keeper}/task/{keeper}/children")).unwrap();
        let server = children.trim();
        assert!(!server.is_empty(), "the server runs");
        assert!(Command::new("kill").args([&format!("-{name}"), server]).status().unwrap().success());
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
