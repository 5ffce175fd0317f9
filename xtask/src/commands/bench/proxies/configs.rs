//! The configurations: plain, with connections to the server kept, one worker, and each proxy's own defaults otherwise.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::super::options::Gateway;
use super::super::process::Core;
use super::super::workload::Protocol;

/// Where the model server is, and what is spoken.
pub(super) struct Ends {
    pub(super) http: SocketAddr,
    pub(super) grpc: SocketAddr,
    pub(super) threads: usize,
    pub(super) protocol: Protocol,
}

/// The gateway: access log to a file, metrics, ids and routing on, as they are for everybody.
pub(super) fn gateway(core: Core, gateway: &Gateway, ends: &Ends, address: SocketAddr, work: &Path) -> Result<Command> {
    let Ends { http, grpc, .. } = ends;
    let text = format!(
        "version: 1\n\
         listeners: {{ bench: {{ address: {address}, authenticate: [anonymous] }} }}\n\
         admin: {{ address: 127.0.0.1:0 }}\n\
         backends:\n  \
           rest: {{ protocol: oip-rest, endpoints: [\"http://{http}\"] }}\n  \
           grpc: {{ protocol: oip-grpc, endpoints: [\"grpc://{grpc}\"] }}\n  \
           llm: {{ protocol: openai, endpoints: [\"http://{http}\"] }}\n\
         models:\n  \
           small: {{ backend: rest }}\n  \
           tensor: {{ backend: rest }}\n  \
           translated: {{ backend: grpc }}\n  \
           chat: {{ backend: llm }}\n  \
           paced: {{ backend: llm }}\n"
    );
    let config = write(&work.join(format!("{}.yaml", gateway.name)), &text)?;
    let log = work.join(format!("{}-access.log", gateway.name));
    // A log of another run says nothing about this one, and must not slow it.
    let _ = fs::remove_file(&log);
    let program = gateway.path.as_deref().context("a gateway without a program")?;
    let mut command = core.command(program);
    command.arg("serve").arg("--config").arg(config).arg("--access-log").arg(log).args(&gateway.arguments);
    // An experiment may say it itself.
    if !gateway.arguments.iter().any(|argument| argument == "--threads") {
        command.arg("--threads").arg(ends.threads.to_string());
    }
    command.envs(gateway.variables.iter().cloned());
    Ok(command)
}

/// nginx as a plain proxy. It writes its access log, as it does for everybody. `wide` sets its buffers to 256k.
pub(super) fn nginx(ends: &Ends, address: SocketAddr, wide: bool, folder: &Path) -> Result<PathBuf> {
    let at = folder.display();
    let (listen, server) = match ends.protocol {
        Protocol::Grpc => (format!("{address} http2"), ends.grpc),
        Protocol::Http | Protocol::Streaming => (address.to_string(), ends.http),
    };
    let pass = match ends.protocol {
        Protocol::Grpc => "grpc_pass grpc://server;",
        Protocol::Http => "proxy_pass http://server; proxy_http_version 1.1; proxy_set_header Connection \"\";",
        Protocol::Streaming => {
            "proxy_pass http://server; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_buffering off;"
        }
    };
    let buffers = if wide {
        "client_body_buffer_size 256k; proxy_buffer_size 256k; proxy_buffers 8 256k; proxy_busy_buffers_size 512k;"
    } else {
        ""
    };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|part| format!("  {part}_temp_path {at}/{part};\n"))
        .collect();
    let text = format!(
        "daemon off;\nworker_processes {};\npid {at}/pid;\nerror_log {at}/error.log warn;\n\
         events {{ worker_connections 8192; }}\n\
         http {{\n  access_log {at}/access.log;\n{temporary}  client_max_body_size 64m;\n  \
         keepalive_requests 1000000000;\n  \
         upstream server {{ server {server}; keepalive 1024; keepalive_requests 1000000000; }}\n  \
         server {{\n    listen {listen};\n    location / {{ {pass} {buffers} }}\n  }}\n}}\n",
        ends.threads
    );
    write(&folder.join("nginx.conf"), &text)
}

/// HAProxy as a plain proxy; streams without waiting for full packets.
pub(super) fn haproxy(ends: &Ends, address: SocketAddr, work: &Path) -> Result<PathBuf> {
    let (protocol, server) = match ends.protocol {
        Protocol::Grpc => (" proto h2", ends.grpc),
        Protocol::Http | Protocol::Streaming => ("", ends.http),
    };
    let delay = if ends.protocol == Protocol::Streaming { "  option http-no-delay\n" } else { "" };
    let text = format!(
        "global\n  nbthread {}\n  maxconn 8192\n\
         defaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n  \
         http-reuse always\n{delay}\
         frontend clients\n  bind {address}{protocol}\n  default_backend servers\n\
         backend servers\n  server mock {server}{protocol}\n",
        ends.threads
    );
    write(&work.join("haproxy.cfg"), &text)
}

fn write(path: &Path, text: &str) -> Result<PathBuf> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path.to_path_buf())
}
