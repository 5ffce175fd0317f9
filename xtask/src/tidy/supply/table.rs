//! What is allowed and what is banned, with the reason. `deny.toml` says the same; a check holds the two in step.

/// A crate that must not be in the build.
pub(super) struct Ban {
    pub(super) name: &'static str,
    pub(super) reason: &'static str,
    /// Other people's crates that bring it along and that we cannot do without.
    pub(super) tolerated_from: &'static [&'static str],
}

/// SPDX identifiers: permissive, or as good as public domain.
pub(super) const LICENCES: &[&str] = &[
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    // Of data, not of code: the list of roots that Mozilla trusts.
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

pub(super) const BANS: &[Ban] = &[
    ban("openssl", "TLS is rustls: one stack, in Rust, built everywhere alike"),
    ban("openssl-sys", "TLS is rustls: one stack, in Rust, built everywhere alike"),
    ban("native-tls", "TLS is rustls: one stack, in Rust, built everywhere alike"),
    Ban {
        name: "ring",
        reason: "one crypto provider: aws-lc-rs",
        // Never built: `cargo tree -i ring` is empty. The lock file names it for a feature (`ring?/alloc`) that only holds
        // where something else asks for ring.
        tolerated_from: &["rustls-webpki"],
    },
    ban("reqwest", "clients are built on hyper's connections, with our own pools"),
    ban("serde_yaml", "unmaintained; YAML is read with saphyr-parser, which gives positions"),
    ban("async-std", "discontinued; the runtime is tokio"),
    ban("rsa", "timing leaks private keys (Marvin); signatures go through aws-lc-rs"),
    ban("extism", "extensions run in an engine with fuel and memory limits that we set ourselves"),
    Ban {
        name: "lazy_static",
        reason: "the standard library has LazyLock",
        // x509-parser is in the lock file for a feature of rcgen that is not asked for; it is not built.
        tolerated_from: &["sharded-slab", "tract-core", "tract-data", "tract-linalg", "x509-parser"],
    },
];

const fn ban(name: &'static str, reason: &'static str) -> Ban {
    Ban { name, reason, tolerated_from: &[] }
}
