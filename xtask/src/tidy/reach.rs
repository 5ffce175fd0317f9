//! What a room's code must not touch although the crates it may import, or the standard library, would let it.

use super::source::{line_at, words};
use super::{Facts, Found};

/// Sockets of the standard library and of tokio, by the names one cannot avoid writing.
const SOCKETS: &[&str] = &["TcpStream", "TcpListener", "UdpSocket", "UnixStream", "UnixListener", "tokio::net"];
const FILES: &[&str] = &["std::fs", "tokio::fs", "File::open", "File::create"];
const PROCESSES: &[&str] = &["std::process", "tokio::process", "tokio::signal"];

/// Folder, what its production code must not name, why.
const TABLE: &[(&str, &[&[&str]], &str)] = &[
    ("crates/core/src/", &[SOCKETS, FILES, PROCESSES], "core has no I/O"),
    ("crates/rules/src/", &[SOCKETS, FILES, PROCESSES], "rules are pure"),
    ("crates/config/src/", &[SOCKETS, FILES, PROCESSES], "config is pure over the sources that the binary gathers"),
    ("crates/wire/src/", &[SOCKETS, FILES, PROCESSES], "codecs work on bytes"),
    ("crates/stats/src/", &[SOCKETS, FILES, PROCESSES], "statistics are pure"),
    ("crates/audit/src/", &[SOCKETS, PROCESSES], "the log knows no network"),
    ("crates/flow/src/", &[SOCKETS, FILES, PROCESSES], "the request path reaches the outside through ports"),
    ("crates/runtime/src/", &[SOCKETS, PROCESSES], "the model runtime opens no socket"),
    ("crates/server/src/", &[FILES, PROCESSES], "bytes in, requests out; the binary reads certificates"),
    ("crates/control/src/", &[FILES, PROCESSES], "the slow side gets ports; the binary gathers files"),
];

pub(super) fn check(facts: &Facts) -> Vec<Found> {
    let mut found = Vec::new();
    for source in &facts.sources {
        let Some((_, lists, why)) = TABLE.iter().find(|(folder, _, _)| source.path.starts_with(folder)) else {
            continue;
        };
        for word in lists.iter().flat_map(|list| list.iter()) {
            for at in words(&source.production, word) {
                let line = line_at(&source.production, at);
                found.push((source.path.clone(), line, format!("`{word}` does not belong here: {why}")));
            }
        }
    }
    found
}
