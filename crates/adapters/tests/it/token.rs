//! The fuzz target of tokens over its corpus, and over what chance makes of it.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

#[expect(unreachable_pub, reason = "the file is a module here, and the root of its own crate where it is fuzzed")]
#[path = "../../../../fuzz/targets/token.rs"]
mod target;

fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/token");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn the_corpus_holds() {
    let corpus = corpus();
    assert!(corpus.len() >= 20, "the corpus is gone");
    for data in corpus {
        target::run(&data);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_tokens_never_crash(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let corpus = corpus();
        let mut text = corpus[which.index(corpus.len())].clone();
        for (place, byte) in edits {
            if let Some(at) = (!text.is_empty()).then(|| place.index(text.len())) {
                text[at] = byte;
            }
        }
        target::run(&text);
    }
}
