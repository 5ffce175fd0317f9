//! Feeds the target of the same name from libFuzzer.
#![no_main]

#[path = "../targets/token.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
