//! Runs every fuzz target of this room over its corpus.

use std::path::Path;

#[allow(unreachable_pub, reason = "the fuzz binary is the one that reaches it")]
#[path = "../../../../fuzz/targets/generate.rs"]
mod generate;
#[allow(unreachable_pub, reason = "the fuzz binary is the one that reaches it")]
#[path = "../../../../fuzz/targets/grpc_frame.rs"]
mod grpc_frame;
#[allow(unreachable_pub, reason = "the fuzz binary is the one that reaches it")]
#[path = "../../../../fuzz/targets/grpc_texts.rs"]
mod grpc_texts;
#[allow(unreachable_pub, reason = "the fuzz binary is the one that reaches it")]
#[path = "../../../../fuzz/targets/oip_grpc_request.rs"]
mod oip_grpc_request;
#[allow(unreachable_pub, reason = "the fuzz binary is the one that reaches it")]
#[path = "../../../../fuzz/targets/oip_grpc_response.rs"]
mod oip_grpc_response;
#[allow(unreachable_pub, reason = "the fuzz binary is the one that reaches it")]
#[path = "../../../../fuzz/targets/oip_path.rs"]
mod oip_path;
#[allow(unreachable_pub, reason = "the fuzz binary is the one that reaches it")]
#[path = "../../../../fuzz/targets/oip_request.rs"]
mod oip_request;
#[allow(unreachable_pub, reason = "the fuzz binary is the one that reaches it")]
#[path = "../../../../fuzz/targets/oip_response.rs"]
mod oip_response;
#[allow(unreachable_pub, reason = "the fuzz binary is the one that reaches it")]
#[path = "../../../../fuzz/targets/openai_answer.rs"]
mod openai_answer;
#[allow(unreachable_pub, reason = "the fuzz binary is the one that reaches it")]
#[path = "../../../../fuzz/targets/openai_head.rs"]
mod openai_head;
#[allow(unreachable_pub, reason = "the fuzz binary is the one that reaches it")]
#[path = "../../../../fuzz/targets/openai_stream.rs"]
mod openai_stream;
#[allow(unreachable_pub, reason = "the fuzz binary is the one that reaches it")]
#[path = "../../../../fuzz/targets/sse.rs"]
mod sse;
#[allow(unreachable_pub, reason = "the fuzz binary is the one that reaches it")]
#[path = "../../../../fuzz/support/strict_json.rs"]
mod strict_json;

/// Feeds every file of a corpus to its target, which panics where something does not hold.
fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let data = std::fs::read(&path).unwrap();
        let outcome = std::panic::catch_unwind(|| run(&data));
        assert!(outcome.is_ok(), "{}", path.display());
        files += 1;
    }
    assert!(files >= 20, "{} has lost its corpus: {files} files", folder.display());
}

#[test]
fn requests_and_answers_by_values() {
    replay("generate", generate::run);
}

#[test]
fn grpc_frames() {
    replay("grpc_frame", grpc_frame::run);
}

#[test]
fn grpc_texts() {
    replay("grpc_texts", grpc_texts::run);
}

#[test]
fn grpc_responses() {
    replay("oip_grpc_response", oip_grpc_response::run);
}

#[test]
fn openai_answers() {
    replay("openai_answer", openai_answer::run);
}

#[test]
fn openai_streams() {
    replay("openai_stream", openai_stream::run);
}

#[test]
fn grpc_requests() {
    replay("oip_grpc_request", oip_grpc_request::run);
}

#[test]
fn requests() {
    replay("oip_request", oip_request::run);
}

#[test]
fn responses() {
    replay("oip_response", oip_response::run);
}

#[test]
fn paths() {
    replay("oip_path", oip_path::run);
}

#[test]
fn openai_requests() {
    replay("openai_head", openai_head::run);
}

#[test]
fn streams_of_events() {
    replay("sse", sse::run);
}

#[test]
fn the_protocols_page_states_the_limits_that_hold() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/open-inference-protocol.md");
    let page = std::fs::read_to_string(page).unwrap();
    let limits = sluicegate_wire::Limits::default();
    for (what, limit) in [
        ("Tensors in a message; outputs asked for", limits.tensors as u64),
        ("Dimensions of a tensor", limits.dimensions as u64),
        ("Elements of all tensors together", limits.elements),
        ("Bytes of a tensor's name or an id", limits.name as u64),
        ("Parameters of a request, tensor or output", limits.parameters as u64),
        ("Unknown members of a JSON object", limits.members as u64),
        ("Open arrays and objects", limits.json_depth as u64),
        ("Characters of a number", limits.number as u64),
    ] {
        assert!(page.contains(&format!("| {what} | {limit} |")), "{what}: {limit}");
    }
}
