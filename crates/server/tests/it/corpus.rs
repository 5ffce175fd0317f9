//! Runs every fuzz target of this room over its corpus.

use std::path::Path;

#[allow(unreachable_pub, reason = "the fuzz binary is the one that reaches it")]
#[path = "../../../../fuzz/targets/proxied.rs"]
mod proxied;

#[test]
fn proxy_protocol_headers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/proxied");
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let data = std::fs::read(&path).unwrap();
        let outcome = std::panic::catch_unwind(|| proxied::run(&data));
        assert!(outcome.is_ok(), "{}", path.display());
        files += 1;
    }
    assert!(files >= 20, "{} has lost its corpus: {files} files", folder.display());
}
