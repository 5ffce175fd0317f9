//! The fuzz target over its corpus, and over small models with bits turned and ends cut off.

use std::path::Path;

use crate::harness::models;

#[path = "../../../../fuzz/targets/onnx_load.rs"]
mod onnx_load;

/// Mutants made of each good model.
const MUTANTS: usize = 300;

/// Small, and together they reach most of what reads a file: lists, strings, tensors, trees, subgraphs.
const GOOD: [&str; 8] = [
    "iris-logreg",
    "tree-clf",
    "columns-onehot",
    "svc-poly",
    "label-encoder",
    "tree-ensemble-5-modes",
    "conditional",
    "kmeans",
];

/// Chance that is the same each time (xorshift64*).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(bits).unwrap() % bound
    }
}

#[test]
fn the_corpus_of_the_fuzz_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/onnx_load");
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        onnx_load::run(&std::fs::read(entry.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files >= 40, "{} has lost its corpus: {files} files", folder.display());
}

#[test]
fn thousands_of_damaged_models() {
    let mut chance = Chance(0x5eed);
    let mut loaded = 0;
    for name in GOOD {
        let good = std::fs::read(models().join(format!("{name}.onnx"))).unwrap();
        sluicegate_runtime::probe(&good).unwrap_or_else(|reason| panic!("{name}: {reason}"));
        for _ in 0..MUTANTS {
            let mut mutant = good.clone();
            match chance.below(4) {
                0 => mutant.truncate(chance.below(good.len())),
                1 => {
                    let (from, to) = (chance.below(good.len()), chance.below(good.len()));
                    let length = chance.below(16).min(good.len() - from.max(to));
                    mutant.copy_within(from..from + length, to);
                }
                _ => {
                    for _ in 0..=chance.below(3) {
                        let place = chance.below(good.len());
                        mutant[place] ^= 1 << chance.below(8);
                    }
                }
            }
            loaded += usize::from(sluicegate_runtime::probe(&mutant).is_ok());
        }
    }
    // Turned bits in weights and names leave a model that loads; were it none or all, the mutants would be of no use.
    assert!((50..GOOD.len() * MUTANTS - 50).contains(&loaded), "{loaded} mutants loaded");
}
