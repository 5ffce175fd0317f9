//! Feeds the target of the same name from libFuzzer.
#![no_main]

#[path = "../support/strict_json.rs"]
mod strict_json;
#[path = "../targets/openai_answer.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
