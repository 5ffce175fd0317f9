//! Rules in, decisions out.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, also in its helpers"
)]

mod decisions;
mod properties;
mod support;
