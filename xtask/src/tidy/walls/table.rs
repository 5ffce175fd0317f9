//! The table of rooms. An edge is added here first, and with an ADR when it breaks a wall.

/// One crate of the workspace.
pub(super) struct Room {
    /// Its folder under `crates/`.
    pub(super) name: &'static str,
    /// The rooms it may import.
    pub(super) rooms: &'static [&'static str],
    /// What it may import from outside.
    pub(super) outside: Outside,
    /// What it must never import, whatever else is free.
    pub(super) never: &'static [&'static str],
    /// Whether `never` also holds for what its dependencies bring along.
    pub(super) closed: bool,
    /// Why, for the message.
    pub(super) because: &'static str,
}

/// How free a room is in choosing other people's crates.
pub(super) enum Outside {
    /// Any that `never` does not name.
    Free,
    /// These only: the room is pure, and each new import is a decision.
    Only(&'static [&'static str]),
}

impl Room {
    /// The name of its package.
    pub(super) fn package(&self) -> String {
        match self.name {
            "sluicegate" | "xtask" => self.name.to_owned(),
            name => format!("sluicegate-{name}"),
        }
    }

    /// Where its manifest is.
    pub(super) fn manifest(&self) -> String {
        match self.name {
            "xtask" => "xtask/Cargo.toml".to_owned(),
            name => format!("crates/{name}/Cargo.toml"),
        }
    }

    /// Whether it may import this crate of others in its code, hence in its tests too.
    pub(super) fn imports(&self, name: &str) -> bool {
        match self.outside {
            Outside::Free => !self.never.contains(&name),
            Outside::Only(list) => list.contains(&name),
        }
    }
}

/// What tests may import that the code may not. They start sockets and runtimes to drive the code from outside.
pub(super) const TEST_LIBRARIES: &[&str] = &[
    "bytes",
    "futures-util",
    // The other side of the connection, made by others.
    "h2",
    "http",
    "http-body",
    "http-body-util",
    "hyper",
    "hyper-util",
    "insta",
    "proptest",
    "serde_json",
    // Counts what is allocated: that a large tensor is not copied is shown, not timed.
    "stats_alloc",
    "tempfile",
    "tokio",
    "tokio-util",
    "tracing",
    "tracing-subscriber",
];

/// Anything that opens a socket or drives one.
const NETWORK: &[&str] = &[
    "async-std",
    "axum",
    "h2",
    "hyper",
    "hyper-util",
    "mio",
    "quinn",
    "reqwest",
    "rustls",
    "smol",
    "socket2",
    "tokio",
    "tokio-rustls",
    "tonic",
    "tower",
    "ureq",
];

/// Servers, clients and stores, for rooms that may have a runtime.
const OUTSIDE_SYSTEMS: &[&str] = &[
    "axum",
    "diesel",
    "fred",
    "h2",
    "hyper",
    "hyper-util",
    "postgres",
    "quinn",
    "redis",
    "reqwest",
    "rusqlite",
    "rustls",
    "sqlx",
    "tiberius",
    "tokio-postgres",
    "tonic",
    "ureq",
];

const EVERY_ROOM: &[&str] =
    &["adapters", "audit", "config", "control", "core", "flow", "http2", "rules", "runtime", "server", "stats", "wire"];

/// Every room there is or will be.
pub(super) const ROOMS: &[Room] = &[
    Room {
        name: "core",
        rooms: &[],
        outside: Outside::Only(&["bytes", "futures-core", "http", "http-body", "memchr", "serde", "thiserror"]),
        never: NETWORK,
        closed: true,
        because: "it holds words and ports, no runtime and no I/O",
    },
    Room {
        name: "rules",
        rooms: &["core"],
        outside: Outside::Free,
        never: NETWORK,
        closed: true,
        because: "rules are pure: facts in, decision out",
    },
    Room {
        name: "config",
        rooms: &["core", "rules"],
        outside: Outside::Only(&["saphyr-parser", "serde", "serde_json", "sha2", "thiserror"]),
        never: NETWORK,
        closed: true,
        because: "it is pure over the sources that the binary gathers",
    },
    Room {
        name: "wire",
        rooms: &["core"],
        outside: Outside::Only(&[
            "bytes",
            // gRPC messages come compressed; safe Rust, no C.
            "flate2",
            "half",
            "http",
            "itoa",
            "memchr",
            "prost",
            // Triton's configuration and statistics as JSON and back: the rules of proto3 JSON, from a descriptor.
            "prost-reflect",
            "serde",
            "serde_json",
            "thiserror",
            "zmij",
        ]),
        never: NETWORK,
        closed: true,
        because: "codecs are sync functions over bytes",
    },
    Room {
        name: "http2",
        rooms: &["core"],
        outside: Outside::Only(&["bytes", "http", "parking_lot"]),
        never: NETWORK,
        closed: true,
        because: "a protocol is a state machine: bytes in, events and bytes out",
    },
    Room {
        name: "stats",
        rooms: &["core"],
        outside: Outside::Free,
        never: NETWORK,
        closed: true,
        because: "statistics are pure",
    },
    Room {
        name: "audit",
        rooms: &["core"],
        outside: Outside::Free,
        never: NETWORK,
        closed: true,
        because: "the log writes files and knows no network",
    },
    Room {
        name: "flow",
        rooms: &["core", "config", "rules", "wire", "stats"],
        outside: Outside::Only(&[
            "arc-swap",
            "bytes",
            "futures-core",
            "futures-util",
            "http",
            "http-body",
            "http-body-util",
            "parking_lot",
            "serde",
            "serde_json",
            "smallvec",
            "thiserror",
            "tokio",
            "tokio-util",
            "tracing",
        ]),
        never: OUTSIDE_SYSTEMS,
        closed: true,
        because: "the request path reaches the outside through ports only",
    },
    Room {
        name: "adapters",
        rooms: &["core", "http2", "wire"],
        outside: Outside::Free,
        never: &["axum", "clap"],
        closed: false,
        because: "an adapter is a client of one outside system",
    },
    Room {
        name: "runtime",
        rooms: &["core"],
        outside: Outside::Free,
        never: OUTSIDE_SYSTEMS,
        closed: true,
        because: "the model runtime computes; it opens no socket",
    },
    Room {
        name: "server",
        // The handler is a parameter (docs/adr/0001), so that sockets know nothing of what they carry.
        rooms: &["core", "http2"],
        outside: Outside::Free,
        never: &["axum", "clap", "h2", "redis", "reqwest", "sqlx", "tonic"],
        closed: false,
        because: "it turns sockets into requests and answers into bytes, nothing more",
    },
    Room {
        name: "control",
        rooms: &["core", "config", "stats", "audit", "flow"],
        outside: Outside::Free,
        never: &["clap", "redis", "reqwest", "sqlx"],
        closed: false,
        because: "the slow side gets its ports as `Arc<dyn ...>`",
    },
    Room {
        name: "sluicegate",
        rooms: EVERY_ROOM,
        outside: Outside::Free,
        never: &[],
        closed: false,
        because: "it wires everything",
    },
    Room {
        name: "testkit",
        rooms: &["core", "wire"],
        outside: Outside::Free,
        never: &["hyper", "reqwest", "tonic"],
        closed: false,
        because: "its clients and servers must be able to lie about framing",
    },
    Room {
        name: "bench",
        rooms: &[],
        outside: Outside::Free,
        never: &[],
        closed: false,
        because: "what measures the gateway shares nothing with it",
    },
    Room {
        name: "xtask",
        rooms: &[],
        outside: Outside::Free,
        never: &[],
        closed: false,
        because: "a broken room must not keep the tool that says so from building",
    },
];
