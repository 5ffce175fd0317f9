//! The fuzz target over its corpus, and over what chance makes of it.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use crate::target::run;

fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/config");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn the_corpus_holds() {
    let corpus = corpus();
    assert!(corpus.len() >= 40, "the corpus is gone");
    for data in corpus {
        run(&data);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_files_never_crash(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..5, any::<prop::sample::Index>()), 1..12),
    ) {
        const PIECES: &[&str] = &[
            "\n", "  ", "\t", ": ", "- ", "[", "]", "{", "}", ",", "#", "&a ", "*a", "!", "|\n", ">-\n", "\"", "'", "~",
            "<<", "? ", "---\n", "...\n", "%YAML 1.2\n", "\u{feff}", "\0", "ä", "\r", "\u{85}", "models:", "version",
            "#--- teams/z.yaml\n", "http://", "0", "-1", "99999999999999999999", "null", "backend: ", "\u{2028}",
        ];
        let corpus = corpus();
        let mut text: Vec<char> = String::from_utf8_lossy(&corpus[which.index(corpus.len())]).chars().collect();
        for (place, what, with) in edits {
            let at = place.index(text.len() + 1);
            let to = at + with.index(8).min(text.len() - at);
            match what {
                0 => drop(text.drain(at..to)),
                1 => drop(text.splice(at..at, with.get(PIECES).chars())),
                2 => drop(text.splice(at..to, with.get(PIECES).chars())),
                3 => { let copy: Vec<char> = text[at..to].to_vec(); drop(text.splice(at..at, copy)) }
                _ => text.truncate(at.max(1)),
            }
        }
        run(text.into_iter().collect::<String>().as_bytes());
    }

    #[test]
    fn any_text_never_crashes(text in "[ -~\n\t:\\[\\]{}#&*!|>'\"%@`?,-]{0,200}") {
        run(text.as_bytes());
    }
}
