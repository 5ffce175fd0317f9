//! Paths of the Open Inference Protocol: a path is refused, or names a model whose own path reads back the same.
//!
//! A corpus file is a method, a space, and a path as it stands in a request line.

use http::Method;
use sluicegate_core::{BackendModel, Operation, Protocol};
use sluicegate_wire::codec;
use sluicegate_wire::oip_rest::client;

/// Reads one path and checks what must hold of it.
pub fn run(data: &[u8]) {
    let Ok(line) = std::str::from_utf8(data) else { return };
    let (method, path) = line.trim_end_matches('\n').split_once(' ').unwrap_or(("GET", line));
    let Ok(method) = Method::from_bytes(method.as_bytes()) else { return };
    let codec = codec(Protocol::OipRest);
    let asked = match (codec.ask)(&method, path) {
        None => return,
        Some(Err(refusal)) => {
            assert!((codec.encode_refusal)(&refusal).status.is_client_error());
            return;
        }
        Some(Ok(asked)) => asked,
    };
    let Some(name) = asked.model.as_deref() else { return };
    assert!(!name.is_empty() && !name.contains(['/', '\\']) && !name.contains(char::is_control));
    assert!(name != "." && name != "..");
    let model = BackendModel { name: name.into(), version: asked.version.as_deref().map(Into::into) };
    let written = match asked.operation {
        Operation::Infer => client::infer_path(&model),
        Operation::Ready => client::ready_path(&model),
        Operation::Config => client::metadata_path(&model) + "/config",
        Operation::Statistics => client::metadata_path(&model) + "/stats",
        _ => client::metadata_path(&model),
    };
    let again = (codec.ask)(&method, &written);
    assert!(matches!(again, Some(Ok(again)) if again == asked), "{written}");
}
