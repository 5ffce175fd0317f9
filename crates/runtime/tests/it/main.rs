//! The embedded runtime from outside: through its factory and the upstream port, over the files in `tests/models` and
//! `tests/operators`.

#![expect(unreachable_pub, reason = "one binary: its modules are public to each other only")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail a test as the test itself does"
)]

mod bytes_as_models;
mod files;
mod harness;
mod hostile;
mod port;
mod references;
mod requests;
mod tensors;
