//! Every parser of untrusted bytes has a fuzz target; every target has a corpus, which an ordinary test runs over.

use super::{Facts, Found};

/// A parser's file and the target that feeds it.
pub(super) const PARSERS: &[(&str, &str)] = &[
    ("crates/adapters/src/identity/api_key/text.rs", "api_key"),
    ("crates/adapters/src/identity/oidc/text.rs", "token"),
    ("crates/config/src/text.rs", "config"),
    ("crates/core/src/http1/chunks.rs", "http1"),
    ("crates/core/src/http1/scan.rs", "http1_fields"),
    ("crates/http2/src/connection/heads.rs", "http2"),
    ("crates/http2/src/connection/receive.rs", "http2"),
    ("crates/http2/src/hpack/decoder.rs", "http2"),
    ("crates/http2/src/hpack/huffman.rs", "http2"),
    ("crates/runtime/src/lib.rs", "onnx_load"),
    ("crates/server/src/head.rs", "http1"),
    ("crates/server/src/http1/parse.rs", "http1"),
    ("crates/server/src/path.rs", "http1"),
    ("crates/server/src/proxied.rs", "proxied"),
    ("crates/wire/src/grpc/frame.rs", "grpc_frame"),
    ("crates/wire/src/oip_grpc/pass.rs", "oip_grpc_request"),
    ("crates/wire/src/oip_grpc/pass.rs", "oip_grpc_response"),
    ("crates/wire/src/oip_grpc/request.rs", "oip_grpc_request"),
    ("crates/wire/src/grpc/metadata.rs", "grpc_texts"),
    ("crates/wire/src/grpc/status.rs", "grpc_texts"),
    ("crates/wire/src/grpc/timeout.rs", "grpc_texts"),
    ("crates/wire/src/oip_grpc/facts.rs", "oip_grpc_response"),
    ("crates/wire/src/oip_grpc/metadata.rs", "oip_grpc_response"),
    ("crates/wire/src/oip_grpc/response.rs", "oip_grpc_response"),
    ("crates/wire/src/oip_grpc/response.rs", "oip_grpc_request"),
    ("crates/wire/src/oip_rest/generate/client.rs", "generate"),
    ("crates/wire/src/oip_rest/generate/server.rs", "generate"),
    ("crates/wire/src/oip_rest/path.rs", "oip_path"),
    ("crates/wire/src/oip_rest/request.rs", "oip_request"),
    ("crates/wire/src/oip_rest/response.rs", "oip_response"),
    ("crates/wire/src/openai/head.rs", "openai_head"),
    ("crates/wire/src/openai/look.rs", "openai_answer"),
    ("crates/wire/src/openai/stream.rs", "openai_stream"),
    ("crates/wire/src/sse.rs", "sse"),
];

const MANIFEST: &str = "fuzz/Cargo.toml";
const TARGETS: &str = "fuzz/targets";
const CORPUS: &str = "fuzz/corpus";
const LEDGER: &str = "docs/fuzzing.md";

pub(super) fn check(facts: &Facts) -> Vec<Found> {
    let mut found = Vec::new();
    for (parser, target) in PARSERS {
        if !facts.tree.holds(parser) {
            let message = format!("{parser} is gone; correct PARSERS in xtask/src/tidy/fuzzed.rs");
            found.push(((*parser).to_owned(), 1, message));
        } else if !facts.tree.holds(&format!("{TARGETS}/{target}.rs")) {
            found.push((
                (*parser).to_owned(),
                1,
                format!("no fuzz target for this parser; write {TARGETS}/{target}.rs"),
            ));
        }
    }
    for path in facts.tree.below(TARGETS).filter(|path| path.ends_with(".rs")) {
        let name = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
        if facts.tree.below(&format!("{CORPUS}/{name}")).next().is_none() {
            found.push((path.to_owned(), 1, format!("no corpus; put an input or more into {CORPUS}/{name}/")));
        }
        let included = format!("fuzz/targets/{name}.rs\"]");
        if !facts.sources.iter().any(|source| source.path.starts_with("crates/") && source.text.contains(&included)) {
            let advice = "include it with `#[path]` into its crate's tests and run it over the corpus";
            found.push((path.to_owned(), 1, format!("no ordinary test runs it; {advice}")));
        }
        let manifest = facts.tree.text(MANIFEST).unwrap_or_default();
        if !manifest.lines().any(|line| line.trim() == format!("name = \"{name}\"")) {
            found.push((path.to_owned(), 1, format!("not built; add a `[[bin]]` named {name} to {MANIFEST}")));
        }
        let ledger = facts.tree.text(LEDGER).unwrap_or_default();
        if !ledger.lines().any(|line| line.starts_with(&format!("| `{name}` |"))) {
            found.push((path.to_owned(), 1, format!("not described; add a row `{name}` to {LEDGER}")));
        }
    }
    found
}
