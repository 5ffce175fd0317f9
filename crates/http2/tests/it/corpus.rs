//! Runs the fuzz target of this room over its corpus.

use std::path::Path;

#[allow(unreachable_pub, reason = "the fuzz binary is the one that reaches it")]
#[path = "../../../../fuzz/targets/http2.rs"]
mod http2;

#[test]
fn peers_over_http2() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/http2");
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let data = std::fs::read(&path).unwrap();
        let outcome = std::panic::catch_unwind(|| http2::run(&data));
        assert!(outcome.is_ok(), "{}", path.display());
        files += 1;
    }
    assert!(files >= 20, "{} has lost its corpus: {files} files", folder.display());
}
