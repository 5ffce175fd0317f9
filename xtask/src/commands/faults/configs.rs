//! The three configurations. Each proxy has one thread and the same patience: half a second to connect, two for an answer.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::commands::bench::process::Core;

/// The gateway. What it does about faults is written here and nowhere else; what is not written is its default.
const GATEWAY: &str = "\
version: 1
listeners: { clients: { address: @address@, authenticate: [anonymous], exposure: internal } }
admin: { address: 127.0.0.1:0 }
backends:
  servers:
    protocol: oip-rest
    binary: always
    endpoints: [@endpoints@]
    timeouts: { connect: 500ms }
    health: { interval: 1s }
models:
  small: { backend: servers, timeout: 2s }
";

/// HAProxy as its manual advises: checks of the servers' health, errors seen in traffic take a server out, few
/// connections to each with a short queue before them, and a connection that fails goes to another server.
const HAPROXY: &str = "\
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  balance leastconn
  option redispatch 1
  retries 2
  http-reuse safe
  timeout connect 500ms
  timeout queue 500ms
  timeout client 60s
  timeout server 2s
  default-server check inter 1s fall 3 rise 2 maxconn 40 observe layer7 error-limit 10 on-error mark-down
frontend clients
  bind @address@
  default_backend servers
backend servers
  option httpchk GET /v2/health/ready
@servers@";

/// nginx with its defaults of `proxy_next_upstream`, `max_fails` and `fail_timeout`; connections to the servers are kept.
const NGINX: &str = "\
daemon off;
worker_processes 1;
pid @folder@/pid;
error_log @folder@/error.log crit;
events { worker_connections 16384; }
http {
  access_log @folder@/access.log;
@temporary@  client_max_body_size 64m;
  keepalive_requests 1000000000;
  upstream servers {
    least_conn;
@servers@    keepalive 128;
  }
  server {
    listen @address@ backlog=1024;
    location / {
      proxy_pass http://servers;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_connect_timeout 500ms;
      proxy_read_timeout 2s;
    }
  }
}
";

pub(super) fn gateway(
    core: Core,
    program: &Path,
    address: SocketAddr,
    servers: &[SocketAddr],
    folder: &Path,
) -> Result<Command> {
    let endpoints: Vec<String> = servers.iter().map(|server| format!("\"http://{server}\"")).collect();
    let text = GATEWAY.replace("@address@", &address.to_string()).replace("@endpoints@", &endpoints.join(", "));
    let config = write(&folder.join("gateway.yaml"), &text)?;
    let mut command = core.command(program);
    command.arg("serve").arg("--config").arg(config).arg("--access-log").arg(folder.join("access.log"));
    command.args(["--threads", "1"]);
    Ok(command)
}

pub(super) fn haproxy(
    core: Core,
    program: &Path,
    address: SocketAddr,
    servers: &[SocketAddr],
    folder: &Path,
) -> Result<Command> {
    let lines: String = (0..).zip(servers).map(|(number, server)| format!("  server s{number} {server}\n")).collect();
    let text = HAPROXY.replace("@address@", &address.to_string()).replace("@servers@", &lines);
    let mut command = core.command(program);
    command.arg("-db").arg("-f").arg(write(&folder.join("haproxy.cfg"), &text)?);
    Ok(command)
}

pub(super) fn nginx(
    core: Core,
    program: &Path,
    address: SocketAddr,
    servers: &[SocketAddr],
    folder: &Path,
) -> Result<Command> {
    let lines: String = servers.iter().map(|server| format!("    server {server};\n")).collect();
    let at = folder.display().to_string();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|part| format!("  {part}_temp_path {at}/{part};\n"))
        .collect();
    let text = NGINX
        .replace("@address@", &address.to_string())
        .replace("@folder@", &at)
        .replace("@temporary@", &temporary)
        .replace("@servers@", &lines);
    let mut command = core.command(program);
    command.arg("-c").arg(write(&folder.join("nginx.conf"), &text)?);
    Ok(command)
}

fn write(path: &Path, text: &str) -> Result<PathBuf> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path.to_path_buf())
}
