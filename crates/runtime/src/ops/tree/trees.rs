//! A forest in the precision its model and its input need.

use std::sync::OnceLock;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::super::kernel::{Outline, refused};
use super::super::scores::Real;
use super::{Branch, Forest, Leaf, Mode, Vote, read};

/// Targets above this make outputs that no batch could pay for.
pub(super) const MAX_TARGETS: u32 = 1 << 20;

/// A forest in the precision of what is compared: single unless the model or its input is double.
#[derive(Debug)]
pub(super) struct Trees {
    pub(super) single: Option<Forest<f32>>,
    double: OnceLock<Forest<f64>>,
    pub(super) targets: usize,
}

impl Trees {
    pub(super) fn read(context: &ParsingContext, node: &NodeProto, votes: &str, targets: u32) -> TractResult<Self> {
        ensure!(targets > 0 && targets <= MAX_TARGETS, "has {targets} targets; 1 to {MAX_TARGETS} are possible");
        Ok(if read::is_double(node) {
            Self::double(read::forest(context, node, votes, targets)?)
        } else {
            Self::single(read::forest(context, node, votes, targets)?)
        })
    }

    pub(super) fn single(forest: Forest<f32>) -> Self {
        Self { targets: forest.targets as usize, single: Some(forest), double: OnceLock::new() }
    }

    pub(super) fn double(forest: Forest<f64>) -> Self {
        Self { targets: forest.targets as usize, single: None, double: OnceLock::from(forest) }
    }

    pub(super) fn wide(&self) -> TractResult<&Forest<f64>> {
        match (&self.single, self.double.get()) {
            (_, Some(forest)) => Ok(forest),
            (Some(single), None) => Ok(self.double.get_or_init(|| single.widened())),
            (None, None) => bail!("has no trees"),
        }
    }

    /// Features the trees read, at least.
    fn features(&self) -> usize {
        let single = self.single.as_ref().map(|forest| forest.features);
        single.or(self.double.get().map(|forest| forest.features)).unwrap_or(0)
    }

    /// Whether all votes are for one target, and whether none of them is negative.
    pub(super) fn sides(&self) -> (bool, bool) {
        fn of<T: Real>(forest: &Forest<T>) -> (bool, bool) {
            let first = forest.votes.first().map(|vote| vote.target);
            let one_sided = forest.votes.iter().all(|vote| Some(vote.target) == first);
            (one_sided, forest.votes.iter().all(|vote| vote.weight >= T::ZERO))
        }
        match (&self.single, self.double.get()) {
            (Some(forest), _) => of(forest),
            (None, Some(forest)) => of(forest),
            (None, None) => (false, false),
        }
    }

    pub(super) fn check(&self, input: &Outline) -> TractResult<TDim> {
        let (rows, columns) = input.matrix()?;
        if let Some(columns) = columns.as_i64() {
            let enough = usize::try_from(columns).is_ok_and(|columns| columns >= self.features());
            ensure!(enough, "reads feature {} of {columns}", self.features().saturating_sub(1));
        }
        ensure!(input.datum.is_number(), "takes numbers, got {:?}", input.datum);
        Ok(rows)
    }

    pub(super) fn enough(&self, columns: usize) -> TractResult<()> {
        if columns < self.features() {
            return Err(refused(format!("the model reads {} features, got {columns}", self.features())));
        }
        Ok(())
    }
}

impl Forest<f32> {
    fn widened(&self) -> Forest<f64> {
        let mut wide = Forest::new(self.targets);
        wide.branches = self
            .branches
            .iter()
            .map(|branch| Branch {
                threshold: f64::from(branch.threshold),
                feature: branch.feature,
                yes: branch.yes,
                no: branch.no,
                mode: branch.mode,
                missing_yes: branch.missing_yes,
            })
            .collect();
        wide.leaves = self.leaves.iter().map(|leaf| Leaf { start: leaf.start, end: leaf.end }).collect();
        wide.votes =
            self.votes.iter().map(|vote| Vote { target: vote.target, weight: f64::from(vote.weight) }).collect();
        wide.members = self.members.iter().map(|list| list.iter().map(|value| f64::from(*value)).collect()).collect();
        wide.roots.clone_from(&self.roots);
        wide.features = self.features;
        wide.plain = wide.branches.iter().all(|branch| branch.mode == Mode::Leq && !branch.missing_yes);
        wide
    }
}
