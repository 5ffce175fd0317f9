//! Reads a forest from the attributes of `TreeEnsemble` (`ai.onnx.ml` 5), where leaves have arrays of their own.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::super::attributes::{Attributes, index};
use super::super::scores::Real;
use super::{Branch, Forest, LEAF, Leaf, Mode, Vote};

/// The modes in the order of their numbers.
const MODES: [Mode; 7] = [Mode::Leq, Mode::Lt, Mode::Gte, Mode::Gt, Mode::Eq, Mode::Neq, Mode::Member];

/// The attributes' lists, one entry a branch.
struct Lists {
    features: Vec<i64>,
    modes: Vec<f64>,
    splits: Vec<f64>,
    yes: Vec<i64>,
    yes_leaf: Vec<i64>,
    no: Vec<i64>,
    no_leaf: Vec<i64>,
    missing: Vec<i64>,
}

/// Reads a forest with `targets` targets.
pub(super) fn forest<T: Real>(context: &ParsingContext, node: &NodeProto, targets: u32) -> TractResult<Forest<T>> {
    let attributes = Attributes::of(node);
    let lists = Lists::read(attributes, context)?;
    let mut forest = Forest::new(targets);
    forest.members = members(&attributes.tensor_numbers(context, "membership_values")?);
    ensure!(forest.members.len() < 1 << 24, "has too many lists of members");
    let mut lists_used = 0_u32;
    for at in 0..lists.features.len() {
        forest.branches.push(lists.branch(at, &mut lists_used)?);
    }
    ensure!(lists_used as usize <= forest.members.len(), "membership_values has too few lists");
    let weights = attributes.tensor_numbers(context, "leaf_weights")?;
    let voted = attributes.ints("leaf_targetids");
    ensure!(weights.len() == voted.len(), "leaf_weights and leaf_targetids differ in length");
    index(i64::try_from(weights.len())?, "the number of leaves")?;
    for ((target, weight), start) in voted.into_iter().zip(weights).zip(0..) {
        forest.votes.push(Vote { target: index(target, "a leaf's target")?, weight: T::of(weight) });
        forest.leaves.push(Leaf { start, end: start + 1 });
    }
    for root in attributes.ints("tree_roots") {
        forest.roots.push(index(root, "a tree's root")?);
    }
    forest.check()?;
    Ok(forest)
}

// One list a branch of mode MEMBER, each ended by NaN.
fn members<T: Real>(values: &[f64]) -> Vec<Vec<T>> {
    let mut lists: Vec<Vec<T>> =
        values.split(|value| value.is_nan()).map(|list| list.iter().map(|value| T::of(*value)).collect()).collect();
    if lists.last().is_some_and(Vec::is_empty) {
        lists.pop();
    }
    lists
}

impl Lists {
    fn read(attributes: Attributes<'_>, context: &ParsingContext) -> TractResult<Self> {
        let lists = Self {
            features: attributes.ints("nodes_featureids"),
            modes: attributes.tensor_numbers(context, "nodes_modes")?,
            splits: attributes.tensor_numbers(context, "nodes_splits")?,
            yes: attributes.ints("nodes_truenodeids"),
            yes_leaf: attributes.ints("nodes_trueleafs"),
            no: attributes.ints("nodes_falsenodeids"),
            no_leaf: attributes.ints("nodes_falseleafs"),
            missing: attributes.ints("nodes_missing_value_tracks_true"),
        };
        let count = lists.features.len();
        index(i64::try_from(count)?, "the number of nodes")?;
        let lengths = [
            lists.modes.len(),
            lists.splits.len(),
            lists.yes.len(),
            lists.yes_leaf.len(),
            lists.no.len(),
            lists.no_leaf.len(),
        ];
        ensure!(lengths.iter().all(|length| *length == count), "the lists of nodes_* differ in length");
        ensure!(
            lists.missing.is_empty() || lists.missing.len() == count,
            "nodes_missing_value_tracks_true has another length than nodes_featureids"
        );
        Ok(lists)
    }

    fn branch<T: Real>(&self, at: usize, lists_used: &mut u32) -> TractResult<Branch<T>> {
        let int = |list: &[i64]| list.get(at).copied().unwrap_or_default();
        let float = |list: &[f64]| list.get(at).copied().unwrap_or_default();
        let follower = |ids: &[i64], leafs: &[i64]| {
            let place = index(int(ids), "a node's follower")?;
            TractResult::Ok(if int(leafs) == 0 { place } else { place | LEAF })
        };
        let mode = MODES
            .iter()
            .zip(0_u8..)
            .find(|(_, number)| f64::from(*number) == float(&self.modes))
            .map(|(mode, _)| *mode)
            .context("a node's mode is unknown; known are 0 to 6")?;
        let mut threshold = float(&self.splits);
        if mode == Mode::Member {
            threshold = f64::from(*lists_used);
            *lists_used += 1;
        }
        Ok(Branch {
            threshold: T::of(threshold),
            feature: index(int(&self.features), "a node's feature")?,
            yes: follower(&self.yes, &self.yes_leaf)?,
            no: follower(&self.no, &self.no_leaf)?,
            mode,
            missing_yes: int(&self.missing) != 0,
        })
    }
}
