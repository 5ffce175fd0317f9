//! TLS on both sides, with the real binary and real peers: curl, openssl, Triton's clients, Python's servers.
//!
//! Rows of the catalogue of attacks that are shown here: T-01 and T-11 with openssl's own client, T-08 (certificates
//! swapped under load, pairs that do not match), T-10 (backends with different certificates on one address).

mod clients;
mod expiring;
mod files;
mod swapping;
mod upstream;

use std::path::Path;

use sluicegate_testkit::certs::Issued;

use crate::support::root;

/// A gateway's configuration with iris behind one listener over TLS, whose files are `server.pem` and `server.key`.
fn configuration() -> String {
    format!(
        "version: 1\nlisteners: {{ l: {{ address: 127.0.0.1:0, authenticate: [anonymous], tls: {{ cert: server.pem, key: \
         server.key }} }} }}\nbackends: {{ local: {{ protocol: embedded }} }}\nmodels: {{ iris: {{ backend: local, source: {} }} \
         }}\n",
        root().join("examples/quickstart/models/iris.onnx").display()
    )
}

fn write(folder: &Path, name: &str, pair: &Issued) {
    std::fs::write(folder.join(format!("{name}.pem")), &pair.certificate).unwrap();
    std::fs::write(folder.join(format!("{name}.key")), &pair.key).unwrap();
}
