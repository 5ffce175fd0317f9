//! The proxies of one workload, each with the configuration that its users would write for it.

mod configs;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use self::configs::Ends;
use super::options::{Gateway, Options};
use super::process::{Core, Running, free_address, fresh, log};
use super::workload::{Load, Protocol, Workload};

/// Where everything is.
pub(super) struct Programs {
    /// The gateway that was just built.
    pub(super) gateway: PathBuf,
    pub(super) bench: PathBuf,
    pub(super) nginx: PathBuf,
    pub(super) haproxy: PathBuf,
    pub(super) gateways: Vec<Gateway>,
}

/// One way from the clients to the model server.
pub(super) struct Contender {
    pub(super) name: String,
    pub(super) address: SocketAddr,
    /// What is measured: the proxy, or the model server where there is none.
    pub(super) id: u32,
}

/// The model server and every proxy, running.
pub(super) struct Field {
    pub(super) contenders: Vec<Contender>,
    pub(super) cores: u64,
    bench: PathBuf,
    others: Core,
    // Ended in this order, the server last.
    running: Vec<Running>,
    mock: Running,
}

impl Programs {
    pub(super) fn new(root: &Path, peers: &[(&'static str, OsString)], options: &Options) -> Result<Self> {
        let peer = |name: &str| {
            let found = peers.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, path)| PathBuf::from(path)).with_context(|| format!("{name} is not set"))
        };
        let built = root.join("target/release");
        let gateway = built.join("sluicegate");
        let mut gateways = options.gateways.clone();
        for given in &mut gateways {
            given.path.get_or_insert_with(|| gateway.clone());
        }
        Ok(Self {
            gateway,
            bench: built.join("sluicegate-bench"),
            nginx: peer("SLUICEGATE_NGINX")?,
            haproxy: peer("SLUICEGATE_HAPROXY")?,
            gateways,
        })
    }
}

impl Field {
    /// Starts what the workload wants, the model server first.
    pub(super) fn start(programs: &Programs, options: &Options, workload: Workload, work: &Path) -> Result<Self> {
        let [proxy, others] = if options.pinned { [Core::Number(0), Core::Number(1)] } else { [Core::Any; 2] };
        let mut mock = Running::start("mock", others.command(&programs.bench).arg("mock"), log(work, "mock")?)?;
        let (http, grpc) = (mock.address("http")?, mock.address("grpc")?);
        let server = if workload.protocol == Protocol::Grpc { grpc } else { http };
        let direct = Contender { name: "direct".to_owned(), address: server, id: mock.id() };
        let cores = u64::try_from(std::thread::available_parallelism()?.get())?;
        let bench = programs.bench.clone();
        let mut field = Self { contenders: vec![direct], cores, bench, others, running: Vec::new(), mock };
        let ends = Ends { http, grpc, threads: options.threads, protocol: workload.protocol };
        let wants = |name: &str| options.wants(name) && !workload.without.contains(&name);

        for name in ["floor", "floor-h2"] {
            if wants(name) && (name == "floor" || workload.protocol == Protocol::Grpc) {
                let mut command = proxy.command(&programs.bench);
                command.args([name, "--upstream", &server.to_string()]);
                let mut floor = Running::start(name, &mut command, log(work, name)?)?;
                let address = floor.address("http")?;
                field.add(name, address, floor)?;
            }
        }
        for gateway in programs.gateways.iter().filter(|gateway| wants(&gateway.name)) {
            let address = free_address()?;
            let mut command = configs::gateway(proxy, gateway, &ends, address, work)?;
            let running = Running::start(&gateway.name, &mut command, log(work, &gateway.name)?)?;
            field.add(&gateway.name, address, running)?;
        }
        for (name, wide) in [("nginx", false), ("nginx-256k", true)] {
            if wants(name) {
                let address = free_address()?;
                let config = configs::nginx(&ends, address, wide, &fresh(&work.join(name))?)?;
                let mut command = proxy.command(&programs.nginx);
                command.arg("-c").arg(config);
                field.add(name, address, Running::start(name, &mut command, log(work, name)?)?)?;
            }
        }
        if wants("haproxy") {
            let address = free_address()?;
            let config = configs::haproxy(&ends, address, work)?;
            let mut command = proxy.command(&programs.haproxy);
            command.arg("-db").arg("-f").arg(config);
            field.add("haproxy", address, Running::start("haproxy", &mut command, log(work, "haproxy")?)?)?;
        }
        if !options.wants("direct") {
            field.contenders.remove(0);
        }
        Ok(field)
    }

    fn add(&mut self, name: &str, address: SocketAddr, mut running: Running) -> Result<()> {
        running.wait_for(address)?;
        self.contenders.push(Contender { name: name.to_owned(), address, id: running.id() });
        self.running.push(running);
        Ok(())
    }

    /// The command that runs the clients of one window.
    pub(super) fn clients(&self, through: &Contender, workload: Workload, options: &Options, load: Load) -> Command {
        let mut command = self.others.command(&self.bench);
        command.args(["load", "--workload", workload.name, "--target", &through.address.to_string()]);
        command.args(["--seconds", &options.seconds.to_string(), "--warm", &workload.warm.to_string()]);
        command.args(["--proxy", &through.id.to_string(), "--streams", &options.streams.to_string()]);
        if through.id != self.mock.id() {
            command.args(["--own", &self.mock.id().to_string()]);
        }
        if let Some(connections) = load.connections {
            command.args(["--connections", &connections.to_string()]);
        }
        if let Some(rate) = load.rate {
            command.args(["--rate", &rate.to_string()]);
        }
        command
    }

    /// The scheduling class of what is measured.
    pub(super) fn scheduling(&self) -> String {
        let classes = self.contenders.iter().map(|contender| super::machine::scheduling(contender.id));
        let mut classes: Vec<String> = classes.collect();
        classes.sort();
        classes.dedup();
        classes.join(", ")
    }
}
