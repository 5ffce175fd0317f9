//! Runs every fuzz target of this room over its corpus.

use std::path::Path;

#[path = "../../../../fuzz/targets/oip_path.rs"]
mod oip_path;
#[path = "../../../../fuzz/targets/oip_request.rs"]
mod oip_request;
#[path = "../../../../fuzz/targets/oip_response.rs"]
mod oip_response;

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
