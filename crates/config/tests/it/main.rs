//! Configuration from the outside: text in, mistakes or a resolved configuration out.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, also in its helpers"
)]

mod cases;
mod documents;
mod fuzz;
mod limits;
mod state;

#[expect(unreachable_pub, reason = "the file is a module here, and the root of its own crate where it is fuzzed")]
#[path = "../../../../fuzz/targets/config.rs"]
mod target;
