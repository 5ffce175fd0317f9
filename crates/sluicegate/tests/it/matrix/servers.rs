//! The real servers, each started once for the whole test binary, and one gateway in front of all of them.
//!
//! They run below a keeper that ends them when this process ends.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use super::cells::{Server, TARGETS, Target};
use crate::http::Client;
use crate::support::{PATIENCE, Peer, eventually_within, free_port, peer, root};

/// A server of another make, with its two ports.
pub(super) struct Running {
    pub(super) http: SocketAddr,
    pub(super) grpc: SocketAddr,
    _process: Peer,
}

/// All of them; started at the same time, for each takes seconds.
pub(super) struct Servers {
    triton: Running,
    mlserver: Running,
    kserve: Running,
    llama: Running,
    /// The gateway: one port for both protocols.
    pub(super) gateway: SocketAddr,
    _gateway: Option<Peer>,
}

/// The servers, running and ready.
pub(super) fn servers() -> &'static Servers {
    static SERVERS: LazyLock<Servers> = LazyLock::new(Servers::start);
    &SERVERS
}

impl Servers {
    fn start() -> Self {
        let ((triton, mlserver), (kserve, llama)) = std::thread::scope(|scope| {
            let triton = scope.spawn(triton);
            let mlserver = scope.spawn(mlserver);
            let kserve = scope.spawn(kserve);
            let llama = llama();
            ((triton.join().unwrap(), mlserver.join().unwrap()), (kserve.join().unwrap(), llama))
        });
        let gateway = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut servers = Self { triton, mlserver, kserve, llama, gateway, _gateway: None };
        servers._gateway = Some(servers.start_gateway());
        servers
    }

    /// The real server, where the target has one.
    pub(super) fn of(&self, server: Server) -> Option<&Running> {
        match server {
            Server::Embedded => None,
            Server::Mlserver => Some(&self.mlserver),
            Server::Triton => Some(&self.triton),
            Server::KServe => Some(&self.kserve),
            Server::Llama => Some(&self.llama),
        }
    }

    fn start_gateway(&self) -> Peer {
        let folder = folder("gateway");
        let path = folder.join("gateway.yaml");
        std::fs::write(&path, self.configuration()).unwrap();
        let python = peer("SLUICEGATE_PYTHON_CLIENTS");
        let path = path.to_str().unwrap();
        let command = [env!("CARGO_BIN_EXE_sluicegate"), "serve", "--config", path, "--admin", "127.0.0.1:0"];
        let mut process = Peer::start(&python, &command, &folder);
        wait("the gateway", &mut process, self.gateway, "/v2/health/ready", &folder);
        process
    }

    /// Every model of every target, by the name that the target gives it.
    fn configuration(&self) -> String {
        let mut text = format!(
            "version: 1\nlisteners: {{ local: {{ address: {}, authenticate: [anonymous] }} }}\nbackends:\n",
            self.gateway
        );
        for target in TARGETS {
            let endpoint = self.of(target.server).map(|server| match target.protocol {
                "oip-grpc" => format!("[\"grpc://{}\"]", server.grpc),
                _ => format!("[\"http://{}\"]", server.http),
            });
            let endpoint = endpoint.map(|endpoint| format!(", endpoints: {endpoint}")).unwrap_or_default();
            let (key, protocol, more) = (target.key, target.protocol, target.settings);
            text.push_str(&format!("  {key}: {{ protocol: {protocol}{endpoint}{more} }}\n"));
        }
        text.push_str("models:\n");
        for target in TARGETS {
            for model in target.server.models() {
                text.push_str(&entry(target, model));
            }
            let key = target.key;
            if !matches!(target.server, Server::Embedded | Server::Llama) {
                text.push_str(&format!("  absent-on-{key}: {{ backend: {key}, model: absent }}\n"));
                text.push_str(&format!(
                    "  blue-on-{key}: {{ versions: {{ deep.blue: {{ backend: {key}, model: iris, version: \"\" }} }}, \
                     traffic: {{ stable: deep.blue }} }}\n"
                ));
            }
        }
        text
    }
}

fn entry(target: &Target, model: &str) -> String {
    let (name, key) = (target.name_of(model), target.key);
    match target.server {
        Server::Embedded => {
            let file = root().join(format!("examples/quickstart/models/{model}.onnx"));
            format!("  {name}: {{ backend: {key}, source: {} }}\n", file.display())
        }
        _ => format!("  {name}: {{ backend: {key}, model: {model} }}\n"),
    }
}

fn triton() -> Running {
    let python = peer("SLUICEGATE_PYTHON_TRITON");
    let folder = folder("triton");
    run(Command::new(&python).arg(script("triton/make_models.py")).arg(&folder));
    let (http, grpc) = (free_port(), free_port());
    let (script, out) = (script("triton/run.py"), folder.to_str().unwrap().to_owned());
    let ports = [http, grpc, free_port()].map(|port| port.to_string());
    let command = [
        &*python,
        script.to_str().unwrap(),
        &out,
        "--http-port",
        &ports[0],
        "--grpc-port",
        &ports[1],
        "--metrics-port",
        &ports[2],
    ];
    Running::when_ready("Triton", Peer::start(&python, &command, &folder), (http, grpc), "/v2/health/ready", &folder)
}

fn mlserver() -> Running {
    let python = peer("SLUICEGATE_PYTHON_MLSERVER");
    let folder = folder("mlserver");
    let (http, grpc) = (free_port(), free_port());
    let ports = ["--http-port", &http.to_string(), "--grpc-port", &grpc.to_string()];
    run(Command::new(&python).arg(script("mlserver/make_models.py")).arg(&folder).args(ports));
    let program = PathBuf::from(&python).with_file_name("mlserver");
    let command = [&*python, program.to_str().unwrap(), "start", folder.to_str().unwrap()];
    Running::when_ready("MLServer", Peer::start(&python, &command, &folder), (http, grpc), "/v2/health/ready", &folder)
}

fn kserve() -> Running {
    let python = peer("SLUICEGATE_PYTHON_KSERVE");
    let folder = folder("kserve");
    let (http, grpc) = (free_port(), free_port());
    let script = script("kserve/serve.py");
    let ports = [http, grpc].map(|port| port.to_string());
    let command = [&*python, script.to_str().unwrap(), "--http-port", &ports[0], "--grpc-port", &ports[1]];
    Running::when_ready("KServe", Peer::start(&python, &command, &folder), (http, grpc), "/v2/health/ready", &folder)
}

fn llama() -> Running {
    let python = peer("SLUICEGATE_PYTHON_LLAMA");
    let folder = folder("llama");
    let model = folder.join("tiny.gguf");
    run(Command::new(&python).arg(script("llama/make_tiny_gguf.py")).arg(&model));
    let (port, script) = (free_port(), script("llama/serve.py"));
    let (text, model) = (port.to_string(), model.to_str().unwrap());
    let command = [&*python, script.to_str().unwrap(), model, "--port", &text, "--alias", "tiny"];
    Running::when_ready("llama.cpp", Peer::start(&python, &command, &folder), (port, port), "/health", &folder)
}

impl Running {
    fn when_ready(name: &str, mut process: Peer, (http, grpc): (u16, u16), path: &str, folder: &Path) -> Self {
        let [http, grpc] = [http, grpc].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        wait(name, &mut process, http, path, folder);
        Self { http, grpc, _process: process }
    }
}

fn wait(name: &str, process: &mut Peer, address: SocketAddr, path: &str, folder: &Path) {
    // Four start at once, with models to load and to train.
    eventually_within(PATIENCE * 4, &format!("{name} is ready"), || {
        let log = || std::fs::read_to_string(folder.join("stderr.log")).unwrap_or_default();
        assert!(!process.ended(), "{name} ended: {}", log());
        TcpStream::connect(address).is_ok()
            && Client::connect(address).try_send("GET", path, &[], b"").is_ok_and(|answer| answer.status == 200)
    });
}

/// An empty folder for a server's files. Servers outlive every test, so nobody could remove it: the next run does.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("matrix").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn script(path: &str) -> PathBuf {
    root().join("tests/python").join(path)
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
