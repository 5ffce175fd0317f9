//! A bounded collection of mistakes. It must not know what is checked.

use sluicegate_core::{Mistake, Span};

/// How many mistakes are kept while looking for more; a file of nothing but mistakes must not fill the memory.
const KEPT: usize = 10_000;

/// How many mistakes are reported.
const REPORTED: usize = 1_000;

/// How many words are compared in search of the one that was meant.
const COMPARED: usize = 100_000;

/// Mistakes found so far.
#[derive(Debug, Default)]
pub(crate) struct Mistakes {
    kept: Vec<Mistake>,
    dropped: usize,
    compared: usize,
}

impl Mistakes {
    /// Adds one.
    pub(crate) fn push(&mut self, mistake: Mistake) {
        if self.kept.len() < KEPT {
            self.kept.push(mistake);
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// Adds one at `span`.
    pub(crate) fn at(&mut self, span: &Span, message: impl Into<String>) {
        self.push(Mistake::at(span, message));
    }

    /// Adds one at `span`, with what to write instead.
    pub(crate) fn helped(&mut self, span: &Span, message: impl Into<String>, help: impl Into<String>) {
        self.push(Mistake::at(span, message).help(help));
    }

    /// Adds many.
    pub(crate) fn extend(&mut self, mistakes: impl IntoIterator<Item = Mistake>) {
        for mistake in mistakes {
            self.push(mistake);
        }
    }

    /// Help that is found by comparing a word with `candidates` others: given as long as all comparisons together are
    /// few, so that a large file of nothing but unknown names does not take minutes.
    pub(crate) fn suggestion(&mut self, candidates: usize, find: impl FnOnce() -> String) -> String {
        self.compared = self.compared.saturating_add(candidates);
        if self.compared <= COMPARED { find() } else { "it is not among those known".to_owned() }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// All in the order of their places; a last one says how many were left out.
    pub(crate) fn sorted(self) -> Vec<Mistake> {
        let Self { kept: mut all, dropped, .. } = self;
        all.sort_by(|left, right| (&left.span, &left.message).cmp(&(&right.span, &right.message)));
        // An alias makes the same text stand in several places.
        all.dedup();
        let left_out = all.len().saturating_sub(REPORTED).saturating_add(dropped);
        all.truncate(REPORTED);
        if left_out > 0
            && let Some(last) = all.last().map(|last| last.span.clone())
        {
            all.push(Mistake::at(&last, format!("and {left_out} more mistakes")));
        }
        all
    }
}
