//! Runs every fuzz target of this room over its corpus.

use std::path::Path;

#[allow(unreachable_pub, reason = "the fuzz binary is the one that reaches it")]
#[path = "../../../../fuzz/targets/http1.rs"]
mod http1;

#[allow(unreachable_pub, reason = "the fuzz binary is the one that reaches it")]
#[path = "../../../../fuzz/targets/http1_fields.rs"]
mod http1_fields;

#[allow(unreachable_pub, reason = "the fuzz binary is the one that reaches it")]
#[path = "../../../../fuzz/targets/proxied.rs"]
mod proxied;

#[test]
fn clients_over_http1() {
    over("http1", http1::run);
}

#[test]
fn fields_over_http1() {
    over("http1_fields", http1_fields::run);
}

#[test]
fn proxy_protocol_headers() {
    over("proxied", proxied::run);
}

fn over(target: &str, run: fn(&[u8])) {
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
