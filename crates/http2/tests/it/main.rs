//! The protocol beside another library's, cut anywhere, and over the corpus of its fuzz target.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test, as the tests do"
)]

mod corpus;
mod differential;
mod rules;
mod support;
