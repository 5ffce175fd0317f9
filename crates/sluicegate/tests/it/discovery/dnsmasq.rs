//! A real DNS server, whose answers a test changes.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::{eventually, free_port, peer};

/// dnsmasq, on a port of its own; ended when dropped.
pub(super) struct Dns {
    child: Child,
    port: u16,
    folder: PathBuf,
    services: Vec<String>,
}

impl Dns {
    /// A server that knows these names.
    pub(super) fn start(folder: &Path, names: &[(&str, &str)]) -> Self {
        Self::with_services(folder, names, &[])
    }

    /// The same, that knows of these services, too: `_service._proto.name,target,port,priority,weight`.
    pub(super) fn with_services(folder: &Path, names: &[(&str, &str)], services: &[String]) -> Self {
        write(folder, names);
        let (port, services) = (free_port(), services.to_vec());
        let dns = Self { child: run(folder, port, &services), port, folder: folder.to_path_buf(), services };
        dns.wait();
        dns
    }

    /// For `resolver`.
    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// From now on it knows these names, and no others.
    pub(super) fn now_knows(&self, names: &[(&str, &str)]) {
        write(&self.folder, names);
        let status = Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// From now on it answers nothing.
    pub(super) fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// It answers again, knowing of these names and services.
    pub(super) fn start_again(&mut self, names: &[(&str, &str)], services: &[String]) {
        self.stop();
        write(&self.folder, names);
        self.services = services.to_vec();
        self.child = run(&self.folder, self.port, &self.services);
        self.wait();
    }

    /// It takes connections once it answers.
    fn wait(&self) {
        eventually("dnsmasq listens", || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write(folder: &Path, names: &[(&str, &str)]) {
    let text: String = names.iter().map(|(name, address)| format!("{address} {name}\n")).collect();
    std::fs::write(folder.join("hosts.new"), text).unwrap();
    std::fs::rename(folder.join("hosts.new"), folder.join("hosts")).unwrap();
}

fn run(folder: &Path, port: u16, services: &[String]) -> Child {
    let user = Command::new("id").arg("-un").output().unwrap();
    let user = String::from_utf8(user.stdout).unwrap();
    Command::new(peer("SLUICEGATE_DNSMASQ"))
        .args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces"])
        .args(["--listen-address=127.0.0.1", "--local=/test/", "--local-ttl=1", "--pid-file="])
        .args([&format!("--port={port}"), &format!("--user={}", user.trim())])
        .arg(format!("--addn-hosts={}", folder.join("hosts").display()))
        .args(services.iter().map(|service| format!("--srv-host={service}")))
        .stdin(Stdio::null())
        .stderr(std::fs::File::create(folder.join("dnsmasq.log")).unwrap())
        .spawn()
        .expect("dnsmasq starts")
}
