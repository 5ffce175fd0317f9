//! Reads a forest from the attributes of `TreeEnsembleClassifier` and `TreeEnsembleRegressor` (`ai.onnx.ml` 1 and 3).

use std::collections::{HashMap as Map, HashSet as Set};

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::super::attributes::{Attributes, index};
use super::super::scores::Real;
use super::{Branch, Forest, LEAF, Leaf, Mode, Vote};

/// Votes as written: tree, node, target, weight.
type Written = (i64, i64, u32, f64);

/// The attributes' lists, one entry a node.
struct Nodes {
    trees: Vec<i64>,
    ids: Vec<i64>,
    features: Vec<i64>,
    modes: Vec<Option<Mode>>,
    thresholds: Vec<f64>,
    yes: Vec<i64>,
    no: Vec<i64>,
    missing: Vec<i64>,
}

/// Whether the node gives any number in double precision.
pub(super) fn is_double(node: &NodeProto) -> bool {
    node.attribute.iter().any(|attribute| attribute.name.ends_with("_as_tensor"))
}

/// Reads numbers that may stand in a list of floats or in a tensor.
pub(super) fn numbers(attributes: Attributes<'_>, context: &ParsingContext, name: &str) -> TractResult<Vec<f64>> {
    let doubles = attributes.tensor_numbers(context, &format!("{name}_as_tensor"))?;
    if !doubles.is_empty() {
        return Ok(doubles);
    }
    Ok(attributes.floats(name).into_iter().map(f64::from).collect())
}

/// Reads a forest whose votes stand in attributes that begin with `votes` (`class` or `target`).
pub(super) fn forest<T: Real>(
    context: &ParsingContext,
    node: &NodeProto,
    votes: &str,
    targets: u32,
) -> TractResult<Forest<T>> {
    let attributes = Attributes::of(node);
    let nodes = Nodes::read(attributes, context, node)?;
    let mut places: Map<(i64, i64), u32> = Map::with_capacity(nodes.ids.len());
    let mut begun: Set<i64> = Set::new();
    let mut forest = Forest::new(targets);
    let (mut branches, mut leaves) = (0_u32, 0_u32);
    for ((tree, id), mode) in nodes.trees.iter().zip(&nodes.ids).zip(&nodes.modes) {
        let counter = if mode.is_some() { &mut branches } else { &mut leaves };
        let place = if mode.is_some() { *counter } else { *counter | LEAF };
        *counter = index(i64::from(*counter) + 1, "the number of nodes")?;
        ensure!(places.insert((*tree, *id), place).is_none(), "two nodes of one tree have one number");
        // A tree begins at the first of its nodes.
        if begun.insert(*tree) {
            forest.roots.push(place);
        }
    }
    for at in 0..nodes.ids.len() {
        if let Some(branch) = nodes.branch(at, &places)? {
            forest.branches.push(branch);
        }
    }
    let written = written(attributes, context, votes)?;
    place_votes(&mut forest, &nodes, written)?;
    forest.check()?;
    Ok(forest)
}

fn written(attributes: Attributes<'_>, context: &ParsingContext, votes: &str) -> TractResult<Vec<Written>> {
    let trees = attributes.ints(&format!("{votes}_treeids"));
    let nodes = attributes.ints(&format!("{votes}_nodeids"));
    let targets = attributes.ints(&format!("{votes}_ids"));
    let weights = numbers(attributes, context, &format!("{votes}_weights"))?;
    let same = trees.len() == nodes.len() && nodes.len() == targets.len() && targets.len() == weights.len();
    ensure!(same, "the lists of {votes}_treeids, _nodeids, _ids and _weights differ in length");
    let mut written = Vec::with_capacity(trees.len());
    for (((tree, node), target), weight) in trees.into_iter().zip(nodes).zip(targets).zip(weights) {
        written.push((tree, node, index(target, "a vote's target")?, weight));
    }
    Ok(written)
}

// Votes keep the order they are written in within a leaf: sums are not exact, and must come out as the reference's.
fn place_votes<T: Real>(forest: &mut Forest<T>, nodes: &Nodes, written: Vec<Written>) -> TractResult<()> {
    let mut by_node: Map<(i64, i64), Vec<(u32, f64)>> = Map::new();
    for (tree, node, target, weight) in written {
        by_node.entry((tree, node)).or_default().push((target, weight));
    }
    for ((tree, id), mode) in nodes.trees.iter().zip(&nodes.ids).zip(&nodes.modes) {
        if mode.is_some() {
            continue;
        }
        let start = index(i64::try_from(forest.votes.len())?, "the number of votes")?;
        for (target, weight) in by_node.remove(&(*tree, *id)).unwrap_or_default() {
            forest.votes.push(Vote { target, weight: T::of(weight) });
        }
        let end = index(i64::try_from(forest.votes.len())?, "the number of votes")?;
        forest.leaves.push(Leaf { start, end });
    }
    ensure!(by_node.is_empty(), "a vote stands at a node that is not a leaf");
    Ok(())
}

impl Nodes {
    fn read(attributes: Attributes<'_>, context: &ParsingContext, node: &NodeProto) -> TractResult<Self> {
        let modes = node.attribute.iter().find(|attribute| attribute.name == "nodes_modes");
        let modes = modes.map_or(&[][..], |attribute| &attribute.strings);
        let nodes = Self {
            trees: attributes.ints("nodes_treeids"),
            ids: attributes.ints("nodes_nodeids"),
            features: attributes.ints("nodes_featureids"),
            modes: modes.iter().map(|mode| Mode::parse(mode)).collect::<TractResult<_>>()?,
            thresholds: numbers(attributes, context, "nodes_values")?,
            yes: attributes.ints("nodes_truenodeids"),
            no: attributes.ints("nodes_falsenodeids"),
            missing: attributes.ints("nodes_missing_value_tracks_true"),
        };
        let count = nodes.ids.len();
        let lengths = [
            nodes.trees.len(),
            nodes.features.len(),
            nodes.modes.len(),
            nodes.thresholds.len(),
            nodes.yes.len(),
            nodes.no.len(),
        ];
        ensure!(count > 0, "has no nodes");
        ensure!(lengths.iter().all(|length| *length == count), "the lists of nodes_* differ in length");
        ensure!(
            nodes.missing.is_empty() || nodes.missing.len() == count,
            "nodes_missing_value_tracks_true has another length than nodes_nodeids"
        );
        Ok(nodes)
    }

    fn branch<T: Real>(&self, at: usize, places: &Map<(i64, i64), u32>) -> TractResult<Option<Branch<T>>> {
        let Some(mode) = self.modes.get(at).copied().flatten() else { return Ok(None) };
        ensure!(mode != Mode::Member, "BRANCH_MEMBER belongs to TreeEnsemble");
        let tree = self.trees.get(at).copied().unwrap_or_default();
        let follower = |list: &[i64]| {
            let id = list.get(at).copied().unwrap_or_default();
            places
                .get(&(tree, id))
                .copied()
                .with_context(|| format!("tree {tree} leads to node {id}, which is not there"))
        };
        Ok(Some(Branch {
            threshold: T::of(self.thresholds.get(at).copied().unwrap_or_default()),
            feature: index(self.features.get(at).copied().unwrap_or_default(), "a node's feature")?,
            yes: follower(&self.yes)?,
            no: follower(&self.no)?,
            mode,
            missing_yes: self.missing.get(at).is_some_and(|tracks| *tracks != 0),
        }))
    }
}
