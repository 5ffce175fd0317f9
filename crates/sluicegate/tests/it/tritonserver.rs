//! A real Triton with some of the models of `tests/python/triton/make_models.py`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::http::Client;
use crate::support::{Peer, eventually, free_port, peer, root};

/// A running Triton; ends when dropped.
pub(crate) struct Triton {
    process: Peer,
    pub(crate) http: u16,
    pub(crate) grpc: u16,
    folder: TempDir,
}

impl Triton {
    /// Serves `models`, named with commas between; `flags` are Triton's own.
    pub(crate) fn start(models: &str, flags: &[&str]) -> Self {
        let python = peer("SLUICEGATE_PYTHON_TRITON");
        let folder = tempfile::tempdir().unwrap();
        let scripts = root().join("tests/python/triton");
        let made = Command::new(&python)
            .arg(scripts.join("make_models.py"))
            .arg(folder.path())
            .args(["--models", models])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let (http, grpc, metrics) = (free_port(), free_port(), free_port());
        let run = scripts.join("run.py");
        let ports = [http, grpc, metrics].map(|port| port.to_string());
        let mut command = vec![python.as_str(), run.to_str().unwrap(), folder.path().to_str().unwrap()];
        for (flag, port) in ["--http-port", "--grpc-port", "--metrics-port"].iter().zip(&ports) {
            command.extend([*flag, port.as_str()]);
        }
        command.extend(flags);
        let process = Peer::start(&python, &command, folder.path());
        let mut server = Self { process, http, grpc, folder };
        eventually("Triton is ready", || {
            assert!(!server.process.ended(), "Triton ended: {}", server.log());
            let address = SocketAddr::from(([127, 0, 0, 1], http));
            std::net::TcpStream::connect(address).is_ok()
                && Client::connect(address)
                    .try_send("GET", "/v2/health/ready", &[], b"")
                    .is_ok_and(|answer| answer.status == 200)
        });
        server
    }

    fn log(&self) -> String {
        std::fs::read_to_string(Path::join(self.folder.path(), "stderr.log")).unwrap_or_default()
    }
}
