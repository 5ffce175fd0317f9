//! A gateway replaced by a new process under load, and by one that does not come to serve.

mod load;

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use self::load::{Load, Streams};
use crate::support::{Gateway, PATIENCE, number, root, shell, sluicegate, stdout};

/// A binary of its own, so that it can be replaced, and a configuration beside it.
struct Installed {
    folder: TempDir,
    binary: PathBuf,
}

impl Installed {
    fn new(configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let binary = folder.path().join("sluicegate");
        let installed = Self { folder, binary };
        std::fs::write(installed.configuration(), configuration).unwrap();
        installed.install(Path::new(env!("CARGO_BIN_EXE_sluicegate")));
        installed
    }

    fn configuration(&self) -> PathBuf {
        self.folder.path().join("gateway.yaml")
    }

    /// Puts `binary` in the place of the one there, as packages do: whatever runs from there runs on.
    fn install(&self, binary: &Path) {
        let new = self.folder.path().join("sluicegate.new");
        std::fs::copy(binary, &new).unwrap();
        std::fs::rename(&new, &self.binary).unwrap();
    }

    fn script(&self, script: &str) -> PathBuf {
        shell(self.folder.path(), script)
    }

    fn start(&self) -> Gateway {
        self.start_by(&self.binary)
    }

    fn start_by(&self, starter: &Path) -> Gateway {
        let path = self.configuration();
        let path = path.to_str().unwrap();
        Gateway::run(
            starter,
            &["--config", path, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--access-log", "off"],
        )
    }
}

fn configuration(backend: &str, shutdown: &str) -> String {
    format!(
        "version: 1
shutdown: {{ {shutdown} }}
listeners: {{ l: {{ address: 127.0.0.1:0, authenticate: [anonymous] }} }}
backends:
  local: {{ protocol: embedded }}
  chats: {{ protocol: openai, endpoints: [\"http://{backend}\"] }}
models:
  iris: {{ backend: local, source: {} }}
  chat: {{ backend: chats }}
",
        root().join("examples/quickstart/models/iris.onnx").display()
    )
}

/// How often. `SLUICEGATE_REPLACEMENTS` says otherwise.
fn rounds() -> usize {
    number("SLUICEGATE_REPLACEMENTS", 5)
}

/// Has the main thread, and with it the next process, run on all processors of this one or on the first.
fn pin(process: u32, to_one: bool) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let all = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap().trim();
    let first = all.split([',', '-']).next().unwrap();
    let output =
        Command::new("taskset").args(["-c", "-p", if to_one { first } else { all }, &process.to_string()]).output();
    assert!(output.unwrap().status.success());
    if to_one { 1 } else { std::thread::available_parallelism().unwrap().get() }
}

#[test]
fn rel_10_nothing_is_lost_while_the_binary_is_replaced_under_load() {
    let streams = Streams::backend();
    let installed = Installed::new(&configuration(&streams.address().to_string(), "grace: 60s"));
    let mut gateway = installed.start();
    let (data, admin) = (gateway.data, gateway.admin);
    let load = Load::start(data);
    for round in 0..rounds() {
        load.wait_for_more(100);
        let open: Vec<_> = (0..10).map(|_| streams.open(data)).collect();
        let threads = pin(gateway.process, round % 2 == 0);
        installed.install(Path::new(env!("CARGO_BIN_EXE_sluicegate")));
        let before = gateway.process;
        gateway.signal("USR2");
        gateway.wait_until_replaced();
        assert_ne!(gateway.process, before);
        assert_eq!(gateway.threads("worker-"), threads, "round {round}");
        gateway.admin("/readyz").expect(200);
        load.wait_for_more(100);
        streams.release();
        open.into_iter().for_each(|stream| stream.read_to_its_end());
    }
    let (requests, failures) = load.stop();
    println!("{} replacements, {requests} requests, {} streams, {} failures", rounds(), 10 * rounds(), failures.len());
    assert_eq!(failures, Vec::<String>::new(), "of {requests}");
    assert_eq!((gateway.data, gateway.admin), (data, admin));
    gateway.signal("TERM");
    assert!(gateway.wait().success());
}

#[test]
fn rel_11_a_new_binary_that_does_not_serve_leaves_the_old_one_serving() {
    let streams = Streams::backend();
    let installed = Installed::new(&configuration(&streams.address().to_string(), "grace: 60s, replace_timeout: 2s"));
    let mut gateway = installed.start();
    let first = gateway.process;
    let load = Load::start(gateway.data);
    let open = streams.open(gateway.data);
    for (script, why) in [
        ("exit 3", "it ended before it served (exit status: 3)"),
        ("kill -SEGV $$", "it ended before it served (signal: 11"),
        ("exec sleep 600", "it did not serve within 2s"),
        ("exec 0</dev/null; exec sleep 600", "it gave up before it served"),
    ] {
        installed.install(&installed.script(script));
        gateway.signal("USR2");
        let line = gateway.wait_for("that it was not replaced", |line| line.contains("replaced"));
        assert!(line.contains("not replaced, this process serves on") && line.contains(why), "{line}");
        let status = gateway.admin("/status").expect(200).json();
        assert!(status["not_replaced"].as_str().unwrap().contains(why), "{status}");
        load.wait_for_more(100);
    }
    let admin = format!("http://{}", gateway.admin);
    let shown = stdout(&sluicegate(&["status", "--admin", &admin]));
    assert!(shown.contains("LAST REPLACEMENT FAILED"), "{shown}");
    let children = std::fs::read_to_string(format!("/proc/{first}/task/{first}/children")).unwrap();
    assert_eq!(children, "", "processes that failed are gone");
    // The file itself may be missing.
    std::fs::remove_file(&installed.binary).unwrap();
    gateway.signal("USR2");
    gateway.wait_for("that it was not replaced", |line| {
        line.contains("not replaced") && line.contains("cannot be started")
    });
    // A good one takes over all the same, and all that the first has begun is finished.
    installed.install(Path::new(env!("CARGO_BIN_EXE_sluicegate")));
    gateway.signal("USR2");
    gateway.wait_until_replaced();
    load.wait_for_more(100);
    streams.release();
    open.read_to_its_end();
    assert_eq!(load.stop().1, Vec::<String>::new());
    assert_eq!(gateway.admin("/status").expect(200).json()["not_replaced"], serde_json::Value::Null);
}

#[test]
fn rel_11_a_configuration_that_is_refused_leaves_the_old_process_serving() {
    let installed = Installed::new(&configuration("127.0.0.1:9", "grace: 1s"));
    let mut gateway = installed.start();
    std::fs::write(installed.configuration(), "version: 1\nlisteners: nonsense\n").unwrap();
    gateway.signal("USR2");
    gateway
        .wait_for("that it was not replaced", |line| line.contains("not replaced") && line.contains("exit status: 1"));
    gateway.get("/v2/models/iris").expect(200);
}

#[test]
fn a_stop_while_a_new_process_starts_stops_both() {
    let installed = Installed::new(&configuration("127.0.0.1:9", "grace: 1s"));
    let mut gateway = installed.start();
    // It says that it runs before it waits, so that the stop comes while it does.
    installed.install(&installed.script("echo it runs >&2; exec sleep 600"));
    gateway.signal("USR2");
    gateway.wait_for("that the new process runs", |line| line == "it runs");
    gateway.signal("TERM");
    assert!(gateway.wait().success(), "the end of standard error is the end of both");
}

#[test]
fn systemd_is_told_who_serves() {
    let installed = Installed::new(&configuration("127.0.0.1:9", "grace: 1s"));
    let path = installed.folder.path().join("notify");
    let systemd = UnixDatagram::bind(&path).unwrap();
    systemd.set_read_timeout(Some(PATIENCE)).unwrap();
    let heard = || {
        let mut heard = [0; 64];
        let length = systemd.recv(&mut heard).unwrap();
        String::from_utf8(heard[..length].to_vec()).unwrap()
    };
    let (binary, path) = (installed.binary.display(), path.display());
    let starter = installed.script(&format!("NOTIFY_SOCKET={path} exec {binary} \"$@\""));
    let mut gateway = installed.start_by(&starter);
    assert_eq!(heard(), "READY=1");
    for _ in 0..2 {
        gateway.signal("USR2");
        gateway.wait_until_replaced();
        assert_eq!(heard(), format!("MAINPID={}", gateway.process));
    }
}
