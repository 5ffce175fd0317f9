//! Triton's perf_analyzer, run as its users do.

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread::spawn;
use std::time::Duration;

use crate::support::peer;

/// A run takes a second or two.
const PATIENCE: Duration = Duration::from_secs(60);
const ATTEMPTS: usize = 5;

/// What one run printed to both streams, and whether it ended well.
///
/// At times, when the machine is busy, perf_analyzer sleeps for ever once it has all its answers: the thread that asked
/// has ended and the one that counts does not see it. Such a run is killed and made again. One that still has an answer
/// to wait for is a failure.
pub(crate) fn run(address: SocketAddr, protocol: &str, model: &str, shape: &str, requests: u32) -> (String, bool) {
    for _ in 0..ATTEMPTS {
        let printed = tempfile::NamedTempFile::new().unwrap();
        let stream = || Stdio::from(printed.reopen().unwrap());
        let mut child = Command::new(peer("SLUICEGATE_PERF_ANALYZER"))
            .args(["-m", model, "-u", &address.to_string(), "-i", protocol, "--shape", shape])
            .args(["--request-count", &requests.to_string()])
            .stdin(Stdio::null())
            .stdout(stream())
            .stderr(stream())
            .spawn()
            .unwrap();
        let process = child.id();
        let (tell, told) = mpsc::channel();
        let waiting = spawn(move || tell.send(child.wait().unwrap()).unwrap());
        let ended = told.recv_timeout(PATIENCE);
        let said = fs::read_to_string(printed.path()).unwrap();
        if let Ok(status) = ended {
            return (said, status.success());
        }
        let asks = still_asks(process);
        assert!(Command::new("kill").args(["-KILL", &process.to_string()]).status().unwrap().success());
        waiting.join().unwrap();
        assert!(!asks, "{model} over {protocol} waits for an answer since {PATIENCE:?}: {said}");
    }
    panic!("{model} over {protocol}: perf_analyzer slept for ever {ATTEMPTS} times");
}

/// The threads that ask bear the name of the process, those of its gRPC library names of their own.
fn still_asks(process: u32) -> bool {
    let name = |path: &std::path::Path| fs::read_to_string(path.join("comm")).unwrap_or_default();
    let own = name(format!("/proc/{process}").as_ref());
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    tasks.filter(|task| name(&task.as_ref().unwrap().path()) == own).count() > 1
}
