//! What comes of the policies: the versions of a model that may be used, and the rules that say so.

/// Versions of a model, by their places in the configuration's order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct VersionSet(Box<[u64]>);

/// What one principal may do with one model by one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// The versions that are permitted.
    pub versions: VersionSet,
    /// The rules that decided for any version, by their places in the model's list: those that permit, and those that
    /// forbid.
    pub rules: Box<[usize]>,
}

impl VersionSet {
    /// Whether the version at `place` is in it.
    #[must_use]
    pub fn contains(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word & bit(place) != 0)
    }

    /// Whether none is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The first in the configuration's order.
    #[must_use]
    pub fn first(&self) -> Option<usize> {
        self.iter().next()
    }

    /// Their places, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.0.len().saturating_mul(64)).filter(|place| self.contains(*place))
    }

    /// Puts what is in `other` into it.
    pub(crate) fn join(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            let mut longer = self.0.to_vec();
            longer.resize(other.0.len(), 0);
            self.0 = longer.into();
        }
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }
}

impl FromIterator<usize> for VersionSet {
    fn from_iter<I: IntoIterator<Item = usize>>(places: I) -> Self {
        let mut words: Vec<u64> = Vec::new();
        for place in places {
            let at = place / 64;
            if words.len() <= at {
                words.resize(at + 1, 0);
            }
            if let Some(word) = words.get_mut(at) {
                *word |= bit(place);
            }
        }
        Self(words.into())
    }
}

const fn bit(place: usize) -> u64 {
    1 << (place % 64)
}
