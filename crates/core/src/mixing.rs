//! A quick hash of names from the configuration. Nobody outside chooses what is in such a map, only what is looked for in it,
//! so that a hash with a secret, as the standard library has it, would protect from nothing.

use std::hash::{BuildHasherDefault, Hasher};

/// For a map, or for one value.
pub type Mixing = BuildHasherDefault<Mix>;

/// An odd number with as many ones as zeros: the golden ratio's first 64 bits.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// The state: eight bytes at a time are added and multiplied in.
#[derive(Debug, Default)]
pub struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            self.write_u64(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(byte.into());
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    }

    fn finish(&self) -> u64 {
        // A product's low bits depend on low bits alone.
        self.0 ^ self.0 >> 32
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::BuildHasher as _;

    use super::Mixing;

    #[test]
    fn names_that_look_alike_are_told_apart() {
        let hash = |name: &(String, String)| Mixing::default().hash_one(name);
        let names: Vec<(String, String)> = (0..100)
            .flat_map(|model| (0..100).map(move |version| (format!("m{model}"), format!("{version}"))))
            .collect();
        assert_eq!(names.iter().map(hash).collect::<HashSet<_>>().len(), names.len());
        // Also by the few bits that a small table takes.
        let mut buckets = [0; 64];
        names.iter().for_each(|name| buckets[usize::try_from(hash(name) % 64).unwrap()] += 1);
        assert!(buckets.iter().all(|count| (80..=240).contains(count)), "{buckets:?}");
        assert_ne!(hash(&("ab".into(), "c".into())), hash(&("a".into(), "bc".into())));
    }
}
