//! `examples/resilience`, typed as its README has it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::pair::body;
use crate::http::Client;
use crate::support::{Gateway, Peer, eventually, free_port, peer, root};

/// The commands of the README, less what is installed by the first; ports, folders and programs are those of the test.
struct Written {
    blocks: Vec<String>,
    folder: PathBuf,
}

impl Written {
    fn read(folder: &Path, exchanged: &[(String, String)]) -> Self {
        let text = std::fs::read_to_string(root().join("examples/resilience/README.md")).unwrap();
        let text = exchange(text, exchanged);
        let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split_once("```").unwrap().0.to_owned()).collect();
        Self { blocks, folder: folder.to_path_buf() }
    }

    fn lines(&self, block: usize, from: usize) -> String {
        self.blocks[block].lines().skip(from).collect::<Vec<_>>().join("\n")
    }

    /// Types lines that end by themselves.
    fn typed(&self, lines: &str) {
        let status = Command::new("bash").args(["-ec", lines]).current_dir(root()).status();
        assert!(status.unwrap().success(), "{lines}");
    }

    /// Types lines that leave servers running, which end with what is given back.
    fn running(&self, lines: &str) -> Peer {
        let folder = tempfile::tempdir_in(&self.folder).unwrap().keep();
        let lines = format!("trap 'kill -KILL $(jobs -p); exit' TERM; cd {}; {lines}\nwait", root().display());
        Peer::start(&peer("SLUICEGATE_PYTHON_MLSERVER"), &["bash", "-c", &lines], &folder)
    }
}

fn exchange(text: String, exchanged: &[(String, String)]) -> String {
    exchanged.iter().fold(text, |text, (from, to)| text.replace(from, to))
}

#[test]
fn the_resilience_example_works_as_written() {
    let folder = tempfile::tempdir().unwrap();
    let python = PathBuf::from(peer("SLUICEGATE_PYTHON_MLSERVER"));
    let ports = ["8100", "8101", "8200", "8201"].map(|port| (port.to_owned(), free_port().to_string()));
    let (one, two) = (format!("127.0.0.1:{}", ports[0].1), format!("127.0.0.1:{}", ports[2].1));
    let mut exchanged = ports.to_vec();
    exchanged.push(("mlserver/bin/".to_owned(), format!("{}/", python.parent().unwrap().display())));
    exchanged.push(("/tmp/".to_owned(), format!("{}/", folder.path().display())));
    let written = Written::read(folder.path(), &exchanged);
    let _servers = written.running(&written.lines(0, 1));
    for address in [&one, &two] {
        let ready = |mut client: Client| client.get("/v2/health/ready").status == 200;
        eventually("the servers are ready", || Client::try_connect(address.parse().unwrap()).is_ok_and(ready));
    }
    let configuration = std::fs::read_to_string(root().join("examples/resilience/gateway.yaml")).unwrap();
    let (gateway, _) = Gateway::of(folder.path(), &exchange(configuration, &exchanged[..4]));
    let pair = || gateway.admin("/status").json()["backends"][0].clone();
    let endpoint = |address: &str| -> Value {
        let pair = pair();
        pair["endpoints"].as_array().unwrap().iter().find(|one| one["address"] == address).unwrap().clone()
    };
    let is = |address: &str, state: &str| eventually(state, || endpoint(address)["state"] == state);
    is(&one, "up");
    is(&two, "up");
    gateway.post("/v2/models/echo/infer", &body(1)).expect(200);

    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let stopped = Stop(&stop);
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = Client::connect(gateway.data);
                while !stop.load(Ordering::Relaxed) {
                    client.post("/v2/models/echo/infer", &body(1)).expect(200);
                }
            });
        }
        let used = |address: &str| {
            let before = endpoint(address)["calls"].as_u64().unwrap();
            eventually("it is used", || endpoint(address)["calls"].as_u64().unwrap() > before + 50);
        };
        used(&one);
        used(&two);
        written.typed(&written.lines(3, 0));
        is(&one, "down");
        let reason = endpoint(&one)["reason"].as_str().unwrap_or_default().to_owned();
        assert!(reason.contains("refused"), "{reason}");
        used(&two);
        let _again = written.running(&written.lines(4, 0));
        is(&one, "up");
        used(&one);
        let (stop, go_on) = written.blocks[5].trim().split_once('\n').unwrap();
        let hedges = || pair()["hedges"].as_u64().unwrap();
        let before = hedges();
        written.typed(stop);
        is(&two, "down");
        assert!(hedges() > before, "what waited for it was asked of the other: {}", pair());
        used(&one);
        written.typed(go_on);
        is(&two, "up");
        used(&two);
        drop(stopped);
    });
}

/// Has the callers end also where the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
